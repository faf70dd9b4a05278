import { type Coding, codings } from '../../base/content-coding.ts'
import { parseSize } from '../../base/duration.ts'
import { nearest } from '../../base/nearest.ts'
import type { OperationPlan, ResponseValidation } from '../../program/program.ts'
import type { Section } from '../section.ts'
import { keys } from './keys.ts'

/** What `validate` settles, in `portcullis.yaml` for everything and in `x-portcullis` nearer by. */
export interface Validation {
  readonly requests: OperationPlan['validateRequests']
  readonly responses: ResponseValidation
  readonly contentEncodings: readonly Coding[]
  readonly undeclaredCookies: OperationPlan['undeclaredCookies']
  readonly maxResponseBytes: number
}

/** What one level says; undefined leaves it to the next one. */
export type WrittenValidation = { readonly [K in keyof Validation]: Validation[K] | undefined }

export const defaultValidation: Validation = {
  requests: 'enforce',
  responses: 'report',
  contentEncodings: [],
  undeclaredCookies: 'refuse',
  maxResponseBytes: 1024 ** 2,
}

/** From the strictest to the loosest; `strip` lets through no more than `enforce` does. */
const responseValidations = [
  'enforce',
  'strip',
  'report',
  'off',
] as const satisfies readonly ResponseValidation[]

const looseness = { enforce: 0, strip: 0, report: 1, off: 2 } as const satisfies {
  readonly [V in ResponseValidation]: number
}

/** Null where nothing is written. */
export function readValidation(
  parent: Section,
): { readonly section: Section; readonly written: WrittenValidation } | null {
  const section = parent.child('validate')?.expect(keys.validate)
  if (!section) return null
  const written = {
    requests: section.choice('requests', ['enforce', 'report']),
    responses: section.choice('responses', responseValidations),
    contentEncodings: readCodings(section),
    undeclaredCookies: section.choice('undeclaredCookies', ['refuse', 'drop']),
    maxResponseBytes: section.parsed('maxResponse', parseSize, 'a size such as 4MiB'),
  }
  return { section, written }
}

function readCodings(section: Section): readonly Coding[] | undefined {
  return section.texts('contentEncodings')?.filter((name): name is Coding => {
    if ((codings as readonly string[]).includes(name)) return true
    const meant = nearest(name, codings)
    section.problem(
      'contentEncodings',
      'value-invalid',
      `${name} is none of the content codings ${codings.join(', ')}`,
      meant ? `did you mean ${meant}?` : 'write gzip',
    )
    return false
  })
}

/** For each key the innermost level that says something. @param levels the innermost first */
export function settleValidation(
  levels: readonly WrittenValidation[],
  otherwise: Validation = defaultValidation,
): Validation {
  const first = <K extends keyof Validation>(key: K): Validation[K] =>
    levels.find((level) => level[key] !== undefined)?.[key] ?? otherwise[key]
  return {
    requests: first('requests'),
    responses: first('responses'),
    contentEncodings: first('contentEncodings'),
    undeclaredCookies: first('undeclaredCookies'),
    maxResponseBytes: first('maxResponseBytes'),
  }
}

/** What a contract loosens beyond the configuration, by the key that does. */
export function loosened(
  written: WrittenValidation,
  configured: Validation,
): readonly (readonly [key: string, what: string])[] {
  const { requests, responses, contentEncodings, undeclaredCookies, maxResponseBytes } = written
  const found: (readonly [string, string])[] = []
  if (requests === 'report') found.push(['requests', 'invalid requests pass'])
  if (responses !== undefined && looseness[responses] > looseness[configured.responses])
    found.push(['responses', responses === 'off' ? 'answers are not looked at' : 'invalid answers pass'])
  const more = contentEncodings?.filter((coding) => !configured.contentEncodings.includes(coding)) ?? []
  if (more.length > 0) found.push(['contentEncodings', `bodies in ${more.join(', ')} pass`])
  if (undeclaredCookies === 'drop' && configured.undeclaredCookies === 'refuse')
    found.push(['undeclaredCookies', 'requests with undeclared cookies pass'])
  // More is held in memory, or less is looked at.
  if (maxResponseBytes !== undefined && maxResponseBytes !== configured.maxResponseBytes)
    found.push(['maxResponse', `answers are judged up to ${maxResponseBytes} octets`])
  return found
}

/** Reads the level of `portcullis.yaml`, which is free to loosen what it likes, and is told so. */
export function readConfiguredValidation(root: Section): Validation {
  const read = readValidation(root)
  if (!read) return defaultValidation
  const { section, written } = read
  if (written.requests === 'report') {
    section.report.warn(
      'weakening',
      section.position('requests'),
      'invalid requests are reported, and forwarded all the same',
      'write requests: enforce once the reports are quiet',
    )
  }
  if (written.responses === 'off') {
    section.report.warn(
      'weakening',
      section.position('responses'),
      'answers of upstreams are not looked at',
      'write responses: report; it changes no answer',
    )
  }
  return settleValidation([written])
}
