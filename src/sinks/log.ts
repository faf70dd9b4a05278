import { writeSync } from 'node:fs'
import type { Denial } from '../engine/decision.ts'
import type { Principal } from '../engine/principal.ts'
import type { Ending, RecordSink } from '../engine/record/ending.ts'
import type { OperationPlan } from '../program/program.ts'

/** Fields of an event that is not a request, e.g. `ready`. Never a secret. */
export interface EventFields {
  readonly [name: string]: unknown
}

export interface Log extends RecordSink {
  event(event: string, fields?: EventFields): void
  /** Takes complete lines that another log made. */
  lines(lines: string): void
  /** Writes what is still held back. */
  flush(): void
}

const maxText = 512
const maxHeldBytes = 64 * 1024
const flushAfterMs = 10

/**
 * JSON lines, one an event, with OpenTelemetry's attribute names. Lines are built from the typed fields named here
 * and from nothing else, so no header, query, body or credential can get in.
 *
 * @param write takes a piece of complete lines; defaults to stdout, synchronously, so that nothing is lost at an exit
 */
export function createLog(write: (lines: string) => void = writeStdout): Log {
  let held = ''
  let timer: NodeJS.Timeout | null = null

  return {
    write: (ending) => add(requestLine(ending)),
    event: (event, fields) => addNow(eventLine(event, fields)),
    lines: addNow,
    flush,
  }

  function add(line: string): void {
    held += line
    if (held.length >= maxHeldBytes) flush()
    else timer ??= setTimeout(flush, flushAfterMs).unref()
  }

  function addNow(line: string): void {
    held += line
    flush()
  }

  function flush(): void {
    if (timer) clearTimeout(timer)
    timer = null
    if (held === '') return
    const lines = held
    held = ''
    write(lines)
  }
}

function requestLine({ journal, denial, status, durationMs, responseBytes }: Ending): string {
  const { operation, principal } = journal
  let line = `{"time":"${timestamp()}","event":"${denial ? 'denied' : 'request'}","request_id":${text(journal.requestId)},"trace_id":"${journal.traceId}"`
  line += `,"http.request.method":${text(journal.method)},"http.response.status_code":${status ?? 'null'},"client.address":${text(journal.clientAddress)}`
  if (operation) line += operationText(operation)
  if (journal.userAgent !== null) line += `,"user_agent.original":${text(journal.userAgent)}`
  if (principal && principal.schemes.length > 0) {
    if (principal.subject !== null) line += `,"enduser.id":${text(principal.subject)}`
    if (principal.client !== null) line += `,"client_id":${text(principal.client)}`
    line += `,"issuer":${text(principal.issuer ?? '')},"schemes":${text(principal.schemes.join(' '))}`
    if (principal.keyId !== null) line += `,"key_id":${text(principal.keyId)}`
    if (principal.schemes.length > 1) line += `,"identities":${identitiesText(principal)}`
  }
  if (denial) line += `,"stage":"${denial.stage}","reason":"${denial.reason}","detail":${text(denial.detail)}`
  if (journal.reported.length > 0) line += reportedText(journal.reported)
  if (journal.limitFallbacks.length > 0)
    line += `,"limit_fallback":${text(journal.limitFallbacks.join('; '))}`
  if (journal.answerUnseen !== null) line += `,"answer_unseen":"${journal.answerUnseen}"`
  if (journal.answerStripped > 0) line += `,"answer_stripped":${journal.answerStripped}`
  return `${line},"http.response.body.size":${responseBytes},"duration_ms":${Math.round(durationMs * 1000) / 1000}}\n`
}

function reportedText(reported: readonly Denial[]): string {
  const reasons = reported.map(({ reason }) => reason).join(' ')
  return `,"reported":"${reasons}","reported_detail":${text(reported.map(({ detail }) => detail).join('; '))}`
}

/** Who each scheme of a combination says it is. */
function identitiesText({ schemes, identities }: Principal): string {
  const each = schemes.map((scheme) => {
    const { subject = null, issuer = null, keyId = null } = identities.get(scheme) ?? {}
    const facts = { 'enduser.id': subject, issuer, key_id: keyId }
    const said = Object.entries(facts).flatMap(([name, value]) =>
      value === null ? [] : `,"${name}":${text(value)}`,
    )
    return `{"scheme":${text(scheme)}${said.join('')}}`
  })
  return `[${each.join(',')}]`
}

const operationTexts = new WeakMap<OperationPlan, string>()

/** The same for every request of an operation, so it is written once. */
function operationText(operation: OperationPlan): string {
  const known = operationTexts.get(operation)
  if (known !== undefined) return known
  const written = `,"operation":${text(operation.id)},"http.route":${text(operation.route)}`
  operationTexts.set(operation, written)
  return written
}

function eventLine(event: string, fields: EventFields = {}): string {
  const escaped = JSON.stringify({ time: timestamp(), event, ...fields }, (_, value: unknown) =>
    typeof value === 'string' ? value.slice(0, maxText * 4) : value,
  )
  return `${escaped.replace(unsafe, escapeCharacter)}\n`
}

// Control characters and bidirectional overrides, which could write over a terminal or a viewer (attack G3).
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const unsafe = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const needsCare = /["\\\u0000-\u001f\u007f-\uffff]/

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** A JSON string, bounded, safe for any terminal. */
function text(value: string): string {
  const cut = value.length > maxText ? `${value.slice(0, maxText)}…` : value
  return needsCare.test(cut) ? JSON.stringify(cut).replace(unsafe, escapeCharacter) : `"${cut}"`
}

let stampedMs = 0
let stamp = ''

function timestamp(): string {
  const nowMs = Date.now()
  if (nowMs !== stampedMs) {
    stampedMs = nowMs
    stamp = new Date(nowMs).toISOString()
  }
  return stamp
}

function writeStdout(lines: string): void {
  let left = Buffer.from(lines)
  // A pipe that nobody reads would block or fail; the gate goes on, its operator sees the gap.
  for (let attempts = 0; left.length > 0 && attempts < 100; attempts++) {
    try {
      left = left.subarray(writeSync(1, left))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
    }
  }
}
