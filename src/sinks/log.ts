import type { Denial } from '../engine/decision.ts'
import type { Principal } from '../engine/principal.ts'
import type { Ending, RecordSink } from '../engine/record/ending.ts'
import { allowedFields, severityOf } from '../engine/record/record-events.ts'
import { type FieldOf, namesIn } from '../engine/record/record-fields.ts'
import { isWritten, shareOfLine } from '../engine/record/thin-lines.ts'
import type { OperationPlan } from '../program/program.ts'
import type { Thinning } from '../program/thinning.ts'
import { escapeUnsafe, maxText, boundedText as text } from './bounded-text.ts'
import { type HeldLines, holdLines } from './held-lines.ts'
import type { LineKinds } from './line-output.ts'
import { textOfNow } from './text-of-now.ts'

/** Fields of an event that is not a request, e.g. `ready`; see `eventFields`. Never a secret. */
export interface EventFields {
  readonly [name: string]: unknown
}

/** One place that records go to, and how they are written there. */
export interface Destination {
  /** A complete line; `share` of such lines are written. */
  readonly requestText: (ending: Ending, share: number) => string
  /** A complete line. */
  readonly eventText: (event: string, fields: EventFields) => string
  /** Takes a piece of complete lines. */
  readonly write: (lines: string) => void
}

export interface Log extends RecordSink {
  event(event: string, fields?: EventFields): void
  /** From now on records go there too. */
  also(destination: Destination): void
  /** Writes what is still held back. */
  flush(): void
}

/**
 * The one point from which records go to where they are wanted. What is written of them is built from the fields that the
 * table of records gives each destination and from nothing else, so no header, query, body or credential can get in.
 *
 * @param thinning what is left out at this time, for every destination
 */
export function createLog(thinning: () => Thinning, ...destinations: readonly Destination[]): Log {
  const open = destinations.map(opened)
  return {
    write(ending) {
      const share = shareOfLine(thinning(), ending)
      if (share > 0) for (const { requestText, held } of open) held.add(requestText(ending, share))
    },
    event(event, fields = {}) {
      if (isWritten(thinning(), event))
        for (const { eventText, held } of open) held.addNow(eventText(event, fields))
    },
    also: (destination) => void open.push(opened(destination)),
    flush() {
      for (const { held } of open) held.flush()
    },
  }
}

function opened(destination: Destination): Destination & { readonly held: HeldLines } {
  return { ...destination, held: holdLines(destination.write) }
}

/** JSON lines, one an event, with OpenTelemetry's attribute names. */
export function jsonLines(write: (lines: string) => void): Destination {
  return { requestText: requestLine, eventText: eventLine, write }
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

export const linesOfLog: LineKinds = {
  droppedLine: (dropped) => eventLine('log_dropped', { ...dropped }),
  isRequest: isRequestLine,
}

/** The line of an event that is not a request. */
export function eventLine(event: string, fields: EventFields = {}): string {
  const written = JSON.stringify(allowedFields(fields), (_, value: unknown) =>
    typeof value === 'string' ? value.slice(0, maxText * 4).toWellFormed() : value,
  )
  return `${beginning(event)}${written === '{}' ? '' : ','}${escapeUnsafe(written.slice(1))}\n`
}

const timestamp = textOfNow((epochMs) => new Date(epochMs).toISOString())
