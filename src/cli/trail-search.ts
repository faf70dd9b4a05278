import { once } from 'node:events'
import { type FoundEntry, searchTrail, type TrailFilter } from '../app/trail/manage-trail.ts'
import { parseDuration } from '../base/duration.ts'
import { type Call, type ExitCode, UsageError } from './command.ts'
import { csvLine } from './csv.ts'
import { table } from './table.ts'
import { jsonText, print } from './terminal.ts'
import { withTrail } from './with-trail.ts'

/** Columns of CSV, and the order of members in JSON. */
const columns = [
  ...['time', 'kind', 'decision', 'status', 'operation', 'method', 'object', 'subject', 'issuer', 'client'],
  ...['key_id', 'schemes', 'address', 'stage', 'reason', 'rule', 'reasons', 'request_id', 'trace_id'],
  ...['program', 'from', 'intent_missing', 'lost', 'hold', 'note', 'successor', 'revocation', 'of', 'done'],
  ...['command', 'os_user', 'sudo_user', 'host', 'chain', 'sequence'],
]

export function searchTrailFor(call: Call): Promise<ExitCode> {
  const filter = filterOf(call)
  const limit = limitOf(call)
  return withTrail(call, async (store) => {
    const rows: string[][] = []
    let found = 0
    for await (const entry of searchTrail(store, filter)) {
      if (++found > limit) break
      if (call.flag('json')) await write(`${jsonOf(entry)}\n`)
      else rows.push(cellsOf(entry))
    }
    if (!call.flag('json'))
      print(
        table(
          ['time', 'what', 'operation', 'object', 'subject', 'address', 'status', 'reason', 'request'],
          rows,
        ),
      )
    return 0
  })
}

export function exportTrail(call: Call): Promise<ExitCode> {
  const format = call.text('format') ?? 'jsonl'
  if (format !== 'jsonl' && format !== 'csv') throw new UsageError('--format must be jsonl or csv')
  const filter = filterOf(call)
  return withTrail(call, async (store) => {
    if (format === 'csv') await write(csvLine(columns))
    for await (const entry of searchTrail(store, filter)) {
      const members = membersOf(entry)
      await write(
        format === 'csv' ? csvLine(columns.map((name) => cellOf(members[name]))) : `${jsonOf(entry)}\n`,
      )
    }
    return 0
  })
}

function filterOf(call: Call): TrailFilter {
  const decision = call.text('decision') ?? null
  if (decision !== null && decision !== 'allow' && decision !== 'deny')
    throw new UsageError('--decision must be allow or deny')
  return {
    subject: call.text('subject') ?? null,
    operation: call.text('operation') ?? null,
    requestId: call.text('request') ?? null,
    decision,
    sinceMs: timeOf('since', call.text('since')),
    untilMs: timeOf('until', call.text('until')),
  }
}

/** A date or time in ISO 8601, UTC unless it says otherwise, or how long ago. */
function timeOf(option: string, text: string | undefined): number | null {
  if (text === undefined) return null
  const agoMs = parseDuration(text)
  if (agoMs !== null) return Date.now() - agoMs
  const iso = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)?)?$/.test(text)
  const ms = iso ? Date.parse(/T[^Z+-]*$/.test(text) ? `${text}Z` : text) : Number.NaN
  if (Number.isNaN(ms))
    throw new UsageError(`--${option} must be as 2026-01-31, 2026-01-31T10:00Z, or 24h for so long ago`)
  return ms
}

function limitOf(call: Call): number {
  const text = call.text('limit')
  if (text === undefined) return Number.POSITIVE_INFINITY
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError('--limit must be a whole number from 1')
  return Number(text)
}

function membersOf({ facts, ...own }: FoundEntry): { readonly [name: string]: unknown } {
  const { kind, decision, ...place } = own
  return { ...facts, ...place, kind, decision }
}

function jsonOf(entry: FoundEntry): string {
  const members = membersOf(entry)
  const ordered = columns.flatMap((name) => (members[name] == null ? [] : [[name, members[name]]]))
  return jsonText(Object.fromEntries(ordered))
}

function cellOf(value: unknown): string {
  if (value == null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Of what is no request, its object. */
const objects = ['hold', 'key_id', 'successor', 'revocation']

function cellsOf({ time, kind, decision, facts }: FoundEntry): string[] {
  const object = Object.entries(decision === null ? pick(facts, objects) : (facts.object ?? {})).map(
    ([name, value]) => `${name}=${String(value)}`,
  )
  return [
    time,
    kind,
    cellOf(facts.operation),
    object.join(' '),
    cellOf(facts.subject ?? (facts.os_user && `${facts.os_user}@${facts.host}`)),
    cellOf(facts.address),
    cellOf(facts.status),
    cellOf(facts.reason ?? facts.reasons),
    cellOf(facts.request_id),
  ]
}

function pick(facts: FoundEntry['facts'], names: readonly string[]): object {
  return Object.fromEntries(names.flatMap((name) => (facts[name] == null ? [] : [[name, facts[name]]])))
}

/** Waits for a reader that is slower than the trail. */
async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}
