import type { RawRequest } from '../base/message.ts'
import type { Fault } from '../engine/decision.ts'
import { link } from '../engine/link.ts'
import { openJournal } from '../engine/outcome.ts'
import { pipeline } from '../engine/pipeline.ts'
import type { Ports } from '../engine/ports.ts'
import { reasons } from '../engine/reasons.ts'
import { buildRoutes } from '../engine/route/route-table.ts'
import type { OperationPlan, Program } from '../program/program.ts'

/** What the gate would say of a request by its form alone. */
export interface Judgement {
  /** Null when it was not routed. */
  readonly operation: OperationPlan | null
  /** Null when nothing is wrong with it. */
  readonly refused: {
    readonly status: number
    readonly reason: string
    readonly detail: string
    readonly faults: readonly Fault[]
  } | null
  /** The body streams, so that its content was not judged here. */
  readonly unread: boolean
}

/**
 * Judges a request file by the pipeline of the gate, with nobody asked who calls: addresses, credentials, limits,
 * scopes and rules are left out, and `validate: report` does not soften what is found.
 * @param file a request in HTTP/1.1 form; lines of its head may end in a line feed alone
 * @returns what is wrong with the file, as a text, when it is no request
 */
export async function judgeRequest(program: Program, file: Uint8Array): Promise<Judgement | string> {
  const read = readRequestFile(file)
  if (typeof read === 'string') return read
  const journal = openJournal(read.request)
  const outcome = await pipeline(withoutCaller(program), ports, read.request, journal)
  const operation = program.operations.find(({ id }) => id === journal.operation?.id) ?? null
  if (outcome.kind !== 'denial')
    return { operation, refused: null, unread: read.hasBody() && !read.wasRead() }
  const { reason, detail, client } = outcome.denial
  const faults = client !== null && 'faults' in client ? client.faults : []
  return { operation, refused: { status: reasons[reason].status, reason, detail, faults }, unread: false }
}

/** The linked program with its operations open to all; what their parameters and bodies are is as in the real one. */
function withoutCaller(program: Program): ReturnType<typeof link> {
  const nobody = { allow: [], deny: [] }
  const real = link(program)
  const open = link({
    ...program,
    admission: {
      ...program.admission,
      trustedProxies: [],
      addresses: nobody,
      hosts: [],
      publicUrl: null,
      origin: null,
      limits: [],
    },
    operations: program.operations.map((plan) => ({
      ...plan,
      security: { ...plan.security, alternatives: [] },
      senderConstraints: [],
      stepUp: [],
      limits: [],
      rules: [],
      addresses: nobody,
      validateRequests: 'enforce' as const,
      trail: { ...plan.trail, records: 'nothing' as const },
    })),
  })
  const operations = open.operations.map((operation, index) => {
    const { parameters, destination } = real.operations[index] ?? operation
    return { ...operation, parameters, destination }
  })
  return { ...open, operations, routes: buildRoutes(operations) }
}

interface RequestFile {
  readonly request: RawRequest
  readonly hasBody: () => boolean
  readonly wasRead: () => boolean
}

function readRequestFile(file: Uint8Array): RequestFile | string {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
  const text = bytes.toString('latin1')
  const end = /\r?\n\r?\n/.exec(text)
  const [first = '', ...lines] = text
    .slice(0, end?.index ?? text.length)
    .trimEnd()
    .split(/\r?\n/)
  const [, method, target] = /^(\S+) (\S+) HTTP\/1\.1$/.exec(first) ?? []
  if (method === undefined || target === undefined) return 'the first line must be as in GET /orders HTTP/1.1'
  const headers: string[] = []
  for (const line of lines) {
    const [, name, value] = /^([^\s:]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? []
    if (name === undefined || value === undefined) return 'every line of the head must be as in Name: value'
    headers.push(name, value)
  }
  const body = end ? bytes.subarray(end.index + end[0].length) : bytes.subarray(bytes.length)
  const names = headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
  if (names.includes('transfer-encoding'))
    return 'a body must stand in the file as it is, without Transfer-Encoding'
  const announced = headers[names.indexOf('content-length') * 2 + 1]
  if (!names.includes('content-length')) {
    if (body.length > 0) headers.push('Content-Length', String(body.length))
  } else if (/^\d+$/.test(announced ?? '') && Number(announced) !== body.length)
    return `Content-Length says ${announced}, and the body in the file has ${body.length} octets`
  if (!names.includes('host')) headers.push('Host', 'localhost')
  let wasRead = false
  const request: RawRequest = {
    id: 'offline',
    receivedAtMs: 0,
    peer: { address: '127.0.0.1', encrypted: true },
    method,
    target,
    httpVersion: '1.1',
    headers,
    body: {
      async read(maxBytes) {
        wasRead = true
        return body.length > maxBytes ? { kind: 'too_large' } : { kind: 'bytes', bytes: body }
      },
    },
    trace: { traceId: '0'.repeat(32), spanId: '0'.repeat(16) },
  }
  return { request, hasBody: () => body.length > 0, wasRead: () => wasRead }
}

function never(): never {
  throw new Error('nobody is asked offline')
}

const ports: Ports = {
  tokens: { verify: never },
  proofs: { read: never, tokenHash: never, isCurrentNonce: never, nonce: never },
  replays: { use: never },
  certificates: { read: never, readForwarded: never, revocation: never },
  keys: { find: never, used: never },
  passwords: { verify: never },
  revocations: { stateOf: never },
  clock: { nowMs: never },
  load: { lateness: () => ({ waitedMs: 0, standing: false, limitMs: 5, serveMs: 5, fullness: 0 }) },
  counters: { take: never },
  places: { take: never, leave: never },
  sessions: { find: never, begin: never, finish: never, end: never, vouch: never, endAll: never },
  trail: { intend: never },
}
