import type { Denial } from '../../engine/decision.ts'
import type { Principal } from '../../engine/principal.ts'
import type { Ending } from '../../engine/record/ending.ts'
import { allowedFields, type Severity, severityOf } from '../../engine/record/record-events.ts'
import { type FieldOf, namesIn } from '../../engine/record/record-fields.ts'
import { boundedText as text } from '../bounded-text.ts'
import { knownMethods } from '../known-methods.ts'
import type { LineKinds } from '../line-output.ts'
import type { Destination, EventFields } from '../log.ts'
import { nanosText } from '../otlp/encode.ts'
import { textOfNow } from '../text-of-now.ts'
import { eventAttributes, textMap } from './any-value.ts'

const names = namesIn('otlp')

/** Texts of an attribute up to its value. */
const said = valuesOf('stringValue":')
const counted = valuesOf('intValue":"')
const measured = valuesOf('doubleValue":')
const listed = valuesOf('arrayValue":')

function valuesOf(kind: string): { readonly [F in FieldOf<'otlp'>]: string } {
  const texts = Object.entries(names).map(([field, name]) => [
    field,
    `{"key":${JSON.stringify(name)},"value":{"${kind}`,
  ])
  return Object.fromEntries(texts) as { readonly [F in FieldOf<'otlp'>]: string }
}

/** Names of events are unique to us (OpenTelemetry semantic conventions: events). */
const eventName = (event: string): string => `portcullis.${event}`

/** Begins every record: its name stands first, so that a full queue knows quickly what it lets go. */
const beginning = (event: string): string => `{"${names.event}":"${eventName(event)}"`
const requestBeginning = `${beginning('request')},`

/** Whether a record tells of a request that passed. */
export function isRequestRecord(record: string): boolean {
  return record.startsWith(requestBeginning)
}

const severityNumbers: { readonly [S in Severity]: number } = { info: 9, warn: 13, error: 17 }

function head(event: string): string {
  const severity = severityOf(event)
  const nanos = timestamp()
  return `${beginning(event)},"${names.time}":${nanos},"observedTimeUnixNano":${nanos},"severityNumber":${severityNumbers[severity]},"${names.severity}":"${severity}"`
}

/**
 * Records as `LogRecord`s, one a line, in the protocol's JSON.
 * @see OpenTelemetry Protocol, `LogRecord`; OpenTelemetry logs data model
 */
export const recordForm: RecordForm = {
  requestText: requestRecord,
  eventText: eventRecord,
  isRequest: isRequestRecord,
}

export type RecordForm = Omit<Destination, 'write'> & Pick<LineKinds, 'isRequest'>

function requestRecord(ending: Ending, share: number): string {
  const { journal, denial, status, durationMs, responseBytes } = ending
  const { operation, principal } = journal
  const method = knownMethods.has(journal.method) ? journal.method : '_OTHER'
  const words = `${method} ${operation?.route ?? ''} ${status ?? 'client gone'}${denial ? ` ${denial.reason}` : ''}`
  let record = `${head(denial ? 'denied' : 'request')},"${names.traceId}":"${journal.traceId}","${names.spanId}":"${journal.spanId}","${names.traceFlags}":${Number(journal.traceSampled)}`
  record += `,"body":{"stringValue":${text(words)}},"attributes":[${said.requestId}${text(journal.requestId)}}},${said.method}"${method}"}}`
  if (method !== journal.method) record += `,${said.methodOriginal}${text(journal.method)}}}`
  if (status !== null) record += `,${counted.status}${status}"}}`
  record += `,${said.address}${text(journal.clientAddress)}}}`
  if (operation) record += `,${said.operation}${text(operation.id)}}},${said.route}${text(operation.route)}}}`
  if (journal.userAgent !== null) record += `,${said.userAgent}${text(journal.userAgent)}}}`
  if (principal && principal.schemes.length > 0) record += principalText(principal)
  if (denial) record += denialText(denial)
  if (journal.reported.length > 0) record += reportedText(journal.reported)
  if (journal.limitFallbacks.length > 0)
    record += `,${said.limitFallback}${text(journal.limitFallbacks.join('; '))}}}`
  if (journal.answerUnseen !== null) record += `,${said.answerUnseen}"${journal.answerUnseen}"}}`
  if (journal.answerStripped > 0) record += `,${counted.answerStripped}${journal.answerStripped}"}}`
  if (share < 1) record += `,${measured.sampleRate}${share}}}`
  return `${record},${counted.responseBytes}${responseBytes}"}},${measured.durationMs}${Math.round(durationMs * 1000) / 1000}}}]}\n`
}

function principalText(principal: Principal): string {
  const { subject, client, issuer, keyId, tokenFingerprint, schemes } = principal
  let record = ''
  if (subject !== null) record += `,${said.subject}${text(subject)}}}`
  if (client !== null) record += `,${said.client}${text(client)}}}`
  record += `,${said.issuer}${text(issuer ?? '')}}},${said.schemes}${text(schemes.join(' '))}}}`
  if (keyId !== null) record += `,${said.keyId}${text(keyId)}}}`
  if (tokenFingerprint !== undefined) record += `,${said.tokenFingerprint}"${tokenFingerprint}"}}`
  if (schemes.length > 1) record += `,${listed.identities}{"values":[${identitiesText(principal)}]}}}`
  return record
}

const inLine = namesIn('log')

/** Who each scheme of a combination says it is, by the names of the lines. */
function identitiesText({ schemes, identities }: Principal): string {
  const each = schemes.map((scheme) => {
    const { subject = null, issuer = null, keyId = null } = identities.get(scheme) ?? {}
    return textMap({ scheme, [inLine.subject]: subject, [inLine.issuer]: issuer, [inLine.keyId]: keyId })
  })
  return each.join()
}

function denialText({ stage, reason, detail, rule, client }: Denial): string {
  let record = `,${said.stage}"${stage}"}},${said.reason}"${reason}"}},${said.detail}${text(detail)}}}`
  if (rule) record += `,${said.rule}${text(`${rule.file}:${rule.line}`)}}}`
  if (client !== null && 'violatedPolicies' in client)
    record += `,${said.limits}${text(client.violatedPolicies.join(' '))}}}`
  return record
}

function reportedText(reported: readonly Denial[]): string {
  const reasons = reported.map(({ reason }) => reason).join(' ')
  const details = reported.map(({ detail }) => detail).join('; ')
  return `,${said.reported}"${reasons}"}},${said.reportedDetail}${text(details)}}}`
}

function eventRecord(event: string, fields: EventFields): string {
  const { detail } = fields
  const words = typeof detail === 'string' ? `${event}: ${detail}` : event
  return `${head(event)},"body":{"stringValue":${text(words)}},"attributes":[${eventAttributes(allowedFields(fields))}]}\n`
}

const timestamp = textOfNow(nanosText)
