import type { Denial } from '../engine/decision.ts'
import type { Principal } from '../engine/principal.ts'
import type { Ending, RecordSink } from '../engine/record/ending.ts'
import { allowedFields, severityOf } from '../engine/record/record-events.ts'
import { type FieldOf, namesIn } from '../engine/record/record-fields.ts'
import { isWritten, shareOfLine } from '../engine/record/thin-lines.ts'
import type { OperationPlan } from '../program/program.ts'
import type { Thinning } from '../program/thinning.ts'

/** Fields of an event that is not a request, e.g. `ready`; see `eventFields`. Never a secret. */
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
 * JSON lines, one an event, with OpenTelemetry's attribute names. Lines are built from the fields that the table of records
 * gives the log and from nothing else, so no header, query, body or credential can get in.
 *
 * Lines of requests are held as octets: as strings, hundreds of them with all their pieces would outlive scavenges (V8).
 *
 * @param write takes a piece of complete lines
 * @param thinning what is left out at this time
 */
export function createLog(write: (lines: string) => void, thinning: () => Thinning): Log {
  const held = Buffer.allocUnsafeSlow(2 * maxHeldBytes)
  let heldBytes = 0
  let timer: NodeJS.Timeout | null = null

  return {
    write(ending) {
      const share = shareOfLine(thinning(), ending)
      if (share > 0) add(requestLine(ending, share))
    },
    event(event, fields) {
      if (isWritten(thinning(), event)) addNow(eventLine(event, fields))
    },
    lines: addNow,
    flush,
  }

  function add(line: string): void {
    if (heldBytes + line.length * 3 > held.length) flush()
    if (line.length * 3 > held.length) return write(line)
    heldBytes += held.write(line, heldBytes)
    if (heldBytes >= maxHeldBytes) flush()
    else timer ??= setTimeout(flush, flushAfterMs).unref()
  }

  function addNow(lines: string): void {
    flush()
    write(lines)
  }

  function flush(): void {
    if (timer) clearTimeout(timer)
    timer = null
    if (heldBytes === 0) return
    const lines = held.toString('utf8', 0, heldBytes)
    heldBytes = 0
    write(lines)
  }
}

const names = namesIn('log')
/** `,"name":` of each field. */
const at = Object.fromEntries(
  Object.entries(names).map(([field, name]) => [field, `,${JSON.stringify(name)}:`]),
) as { readonly [F in FieldOf<'log'>]: string }

/** Begins every line. */
const beginning = (event: string): string =>
  `{"${names.time}":"${timestamp()}"${at.event}"${event}"${at.severity}"${severityOf(event)}"`

function requestLine({ journal, denial, status, durationMs, responseBytes }: Ending, share: number): string {
  const { operation, principal } = journal
  let line = `${beginning(denial ? 'denied' : 'request')}${at.requestId}${text(journal.requestId)}${at.traceId}"${journal.traceId}"`
  line += `${at.method}${text(journal.method)}${at.status}${status ?? 'null'}${at.address}${text(journal.clientAddress)}`
  if (operation) line += operationText(operation)
  if (journal.userAgent !== null) line += at.userAgent + text(journal.userAgent)
  if (principal && principal.schemes.length > 0) line += principalText(principal)
  if (denial) line += denialText(denial)
  if (journal.reported.length > 0) line += reportedText(journal.reported)
  if (journal.limitFallbacks.length > 0) line += at.limitFallback + text(journal.limitFallbacks.join('; '))
  if (journal.answerUnseen !== null) line += `${at.answerUnseen}"${journal.answerUnseen}"`
  if (journal.answerStripped > 0) line += at.answerStripped + journal.answerStripped
  if (share < 1) line += at.sampleRate + share
  return `${line}${at.responseBytes}${responseBytes}${at.durationMs}${Math.round(durationMs * 1000) / 1000}}\n`
}

function principalText(principal: Principal): string {
  const { subject, client, issuer, keyId, tokenFingerprint, schemes } = principal
  let line = ''
  if (subject !== null) line += at.subject + text(subject)
  if (client !== null) line += at.client + text(client)
  line += `${at.issuer}${text(issuer ?? '')}${at.schemes}${text(schemes.join(' '))}`
  if (keyId !== null) line += at.keyId + text(keyId)
  if (tokenFingerprint !== undefined) line += `${at.tokenFingerprint}"${tokenFingerprint}"`
  if (schemes.length > 1) line += at.identities + identitiesText(principal)
  return line
}

function denialText({ stage, reason, detail, rule, client }: Denial): string {
  let line = `${at.stage}"${stage}"${at.reason}"${reason}"${at.detail}${text(detail)}`
  if (rule) line += at.rule + text(`${rule.file}:${rule.line}`)
  if (client !== null && 'violatedPolicies' in client)
    line += at.limits + text(client.violatedPolicies.join(' '))
  return line
}

function reportedText(reported: readonly Denial[]): string {
  const reasons = reported.map(({ reason }) => reason).join(' ')
  return `${at.reported}"${reasons}"${at.reportedDetail}${text(reported.map(({ detail }) => detail).join('; '))}`
}

/** Who each scheme of a combination says it is. */
function identitiesText({ schemes, identities }: Principal): string {
  const each = schemes.map((scheme) => {
    const { subject = null, issuer = null, keyId = null } = identities.get(scheme) ?? {}
    const facts = { [names.subject]: subject, [names.issuer]: issuer, [names.keyId]: keyId }
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
  const written = `${at.operation}${text(operation.id)}${at.route}${text(operation.route)}`
  operationTexts.set(operation, written)
  return written
}

/** Whether a line tells of a request that passed. */
export function isRequestLine(line: string): boolean {
  return line.slice(0, 64).includes(`${at.event}"request"`)
}

/** The line of an event that is not a request. */
export function eventLine(event: string, fields: EventFields = {}): string {
  const written = JSON.stringify(allowedFields(fields), (_, value: unknown) =>
    typeof value === 'string' ? value.slice(0, maxText * 4).toWellFormed() : value,
  ).replace(unsafe, escapeCharacter)
  return `${beginning(event)}${written === '{}' ? '' : ','}${written.slice(1)}\n`
}

// Control characters, bidirectional overrides and what is not seen at all, tags included: they could write over a terminal or
// hide in a viewer (attack G3).
const unsafe = new RegExp(
  [
    '[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb]',
    '[\\ufe00-\\ufe0f]',
    '\\udb40|(?<=\\udb40)[\\udc00-\\udfff]',
  ].join('|'),
  'g',
)
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const needsCare = /["\\\u0000-\u001f\u007f-\uffff]/

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** A JSON string, bounded, safe for any terminal; halves of surrogate pairs are replaced, since some parsers refuse them (RFC 7493 2.1). */
function text(value: string): string {
  const cut = value.length > maxText ? `${value.slice(0, maxText)}…` : value
  return needsCare.test(cut)
    ? JSON.stringify(cut.toWellFormed()).replace(unsafe, escapeCharacter)
    : `"${cut}"`
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
