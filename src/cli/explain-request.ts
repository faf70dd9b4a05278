import { readFileSync } from 'node:fs'
import { type Judgement, judgeRequest } from '../app/judge-request.ts'
import { FaultLocator } from '../contract/locate-fault.ts'
import type { Program } from '../program/program.ts'
import type { ExitCode } from './command.ts'
import { jsonText, print, shownPath, tell } from './terminal.ts'

/** Judges a request file offline and says why it is refused, with the place in the contract that says so. */
export async function explainRequest(program: Program, file: string, json: boolean): Promise<ExitCode> {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(file)
  } catch (error) {
    tell(`portcullis: ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`)
    return 1
  }
  const judged = await judgeRequest(program, bytes)
  if (typeof judged === 'string') {
    tell(`portcullis: ${file} is no request: ${judged}`)
    return 1
  }
  const faults = located(judged, contentTypeOf(bytes))
  if (json) {
    const { operation, refused, unread } = judged
    print(
      jsonText({ operation: operation?.id ?? null, refused: refused && { ...refused, faults }, unread }, 2),
    )
  } else print(inWords(judged, faults))
  return judged.refused ? 1 : 0
}

interface LocatedFault {
  readonly in: string
  readonly pointer: string
  readonly message: string
  /** `file:line:column` in the contract. */
  readonly declared: string
}

function located({ operation, refused }: Judgement, contentType: string): readonly LocatedFault[] {
  if (!operation || !refused) return []
  const locator = new FaultLocator()
  return refused.faults.map((fault) => {
    const { file, line, column } = locator.locate(operation, fault, contentType)
    return { ...fault, declared: `${shownPath(file)}:${line}:${column}` }
  })
}

function inWords({ operation, refused, unread }: Judgement, faults: readonly LocatedFault[]): string {
  const name = operation ? `${operation.id}  ${operation.method} ${operation.route}` : 'no operation'
  const verdict = refused
    ? `refused with ${refused.status} ${refused.reason}${faults.length > 0 ? '' : `: ${refused.detail}`}`
    : `its form is sound${unread ? '; the content of its body streams, and was not judged here' : ''}`
  const places = faults.map(({ in: place, pointer }) => `${place} ${pointer}`.trimEnd())
  const widths = [
    Math.max(0, ...places.map(({ length }) => length)),
    Math.max(0, ...faults.map(({ message }) => message.length)),
  ]
  const rows = faults.map(
    ({ message, declared }, index) =>
      `  ${(places[index] as string).padEnd(widths[0] as number)}  ${message.padEnd(widths[1] as number)}  ${declared}`,
  )
  return [
    name,
    `  ${verdict}`,
    ...rows,
    '  not judged: addresses, credentials, limits, scopes and rules',
  ].join('\n')
}

function contentTypeOf(bytes: Uint8Array): string {
  return /^content-type:[ \t]*(.*?)[ \t]*\r?$/im.exec(Buffer.from(bytes).toString('latin1'))?.[1] ?? ''
}
