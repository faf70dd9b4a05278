import { parseDuration, parseSize } from '../base/duration.ts'
import { pointerTo } from '../base/pointer.ts'
import {
  type AddressLists,
  type CapPlan,
  type CorsPlan,
  type LimitPlan,
  type Priority,
  priorities,
  type SourcePosition,
  type StepUpPlan,
} from '../program/program.ts'
import type { SenderConstraint } from '../program/schemes.ts'
import type { Configuration } from './configuration/configuration.ts'
import { readTimeout } from './configuration/delay.ts'
import { readSenderConstraint } from './configuration/identity/access-token.ts'
import { readLimits } from './configuration/limits.ts'
import { readAddresses, readCors } from './configuration/policy.ts'
import { looserTrail, readWrittenTrail, type WrittenTrail } from './configuration/trail.ts'
import { loosened, readValidation, type WrittenValidation } from './configuration/validation.ts'
import type { Section } from './section.ts'

/** What `x-portcullis` says at one level: root, path or operation. */
export interface Extension {
  readonly limits: readonly (LimitPlan | CapPlan)[]
  /** Tokens that a request takes of each limit. */
  readonly cost: number | undefined
  readonly rules: readonly { readonly expression: string; readonly source: SourcePosition }[]
  readonly timeoutMs: number | undefined
  readonly priority: Priority | undefined
  readonly maxBodyBytes: number | undefined
  readonly validate: WrittenValidation
  readonly addresses: AddressLists | undefined
  readonly cors: CorsPlan | undefined
  readonly senderConstraint: readonly SenderConstraint[]
  readonly stepUp: StepUpPlan | undefined
  readonly trail: WrittenTrail | undefined
}

export const extensionKeys = [
  'limits',
  'cost',
  'authorize',
  'validate',
  'timeout',
  'priority',
  'maxBody',
  'addresses',
  'cors',
  'senderConstraint',
  'stepUp',
  'trail',
]
const defaultMaxBodyBytes = 1024 ** 2
export const defaults = { maxBodyBytes: defaultMaxBodyBytes }
const noValidation: WrittenValidation = {
  requests: undefined,
  responses: undefined,
  contentEncodings: undefined,
  undeclaredCookies: undefined,
  maxResponseBytes: undefined,
}
const nothing: Extension = {
  limits: [],
  cost: undefined,
  rules: [],
  timeoutMs: undefined,
  priority: undefined,
  maxBodyBytes: undefined,
  validate: noValidation,
  addresses: undefined,
  cors: undefined,
  senderConstraint: [],
  stepUp: undefined,
  trail: undefined,
}

/**
 * Reads `x-portcullis`. A weakening written in the contract is honored only when the configuration allows it: the
 * contract may come from other hands than the gate.
 */
export function readExtension(
  parent: Section,
  { allowWeakening, validate: configured }: Pick<Configuration, 'allowWeakening' | 'validate'>,
): Extension {
  const section = parent.child('x-portcullis')?.expect(extensionKeys)
  if (!section) return nothing
  const validate = readValidation(section)
  const maxBodyBytes = section.parsed('maxBody', parseSize, 'a size such as 64KiB')
  if (validate)
    for (const [key, what] of loosened(validate.written, configured))
      weakening(validate.section, key, what, allowWeakening)
  if (maxBodyBytes !== undefined && maxBodyBytes > defaultMaxBodyBytes) {
    weakening(section, 'maxBody', 'bodies above 1MiB pass', allowWeakening)
  }
  const trail = readWrittenTrail(section)
  const looser = trail && looserTrail(trail)
  if (looser) weakening(section, 'trail', looser, allowWeakening)
  return {
    limits: readLimits(section) ?? [],
    cost: section.integer('cost', 1, 1_000_000),
    rules: readRules(section),
    timeoutMs: readTimeout(section, 'timeout'),
    priority: section.choice('priority', priorities),
    maxBodyBytes,
    validate: validate?.written ?? noValidation,
    addresses: readAddresses(section),
    cors: readCors(section),
    senderConstraint: readSenderConstraint(section),
    stepUp: readStepUp(section),
    trail,
  }
}

function weakening(section: Section, key: string, what: string, allowed: boolean): void {
  const message = `the contract weakens the gate: ${what}`
  if (allowed)
    section.report.warn('weakening', section.position(key), message, 'remove it once it is not needed')
  else
    section.problem(
      key,
      'weakening-not-allowed',
      message,
      'write allowWeakening: true in portcullis.yaml, or remove it',
    )
}

function readRules(section: Section): Extension['rules'] {
  const at = pointerTo(section.pointer, 'authorize')
  const listed = Array.isArray(section.get('authorize'))
  return (section.texts('authorize') ?? []).map((expression, index) => ({
    expression,
    source: section.source.position(listed ? pointerTo(at, index) : at),
  }))
}

function readStepUp(parent: Section): StepUpPlan | undefined {
  const section = parent.child('stepUp')?.expect(['acr', 'maxAge'])
  if (!section) return undefined
  const maxAgeMs = section.parsed('maxAge', parseDuration, 'a duration such as 300s')
  // RFC 9470 3: a whole number. 0 means a login now (OpenID Connect Core 3.1.2.1), and none is as late as the request.
  if (maxAgeMs !== undefined && (maxAgeMs < 1000 || maxAgeMs % 1000 !== 0))
    section.wrong('maxAge', 'whole seconds, at least 1s')
  const acr = section.texts('acr') ?? []
  // RFC 9470 3: they are told in one quoted text, with spaces between them.
  if (acr.some((value) => !/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value)))
    section.wrong('acr', 'a list of texts without spaces, quotes and backslashes')
  if (acr.length === 0 && maxAgeMs === undefined) section.wrong('acr', 'a list of texts, or write maxAge')
  return { acr, maxAgeSeconds: maxAgeMs === undefined ? null : maxAgeMs / 1000 }
}
