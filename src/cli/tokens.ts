import { listRevocations, restoreTokens, revokeTokens } from '../app/manage-tokens.ts'
import { nearest } from '../base/nearest.ts'
import { compile } from '../contract/compile.ts'
import { type Actions, runAction } from './actions.ts'
import {
  type Call,
  type Command,
  configurationOf,
  configurationOption,
  type ExitCode,
  UsageError,
} from './command.ts'
import { table } from './table.ts'
import { jsonText, print, printable, tell, time } from './terminal.ts'
import { withLedger } from './with-ledger.ts'

const actions: Actions = {
  revoke: { of: null, run: revoke },
  list: { of: null, run: list },
  restore: { of: 'the ID of a revocation', run: restore },
}

export const tokens: Command = {
  usage: 'tokens revoke|list|restore [ID] [-c FILE] [--json]',
  summary: 'stop believing access tokens before they expire',
  options: {
    config: configurationOption,
    json: { type: 'boolean', help: 'print one JSON document' },
    issuer: { type: 'string', value: 'URL', help: 'revoke: who issued them' },
    jti: { type: 'string', value: 'ID', help: 'revoke: one token' },
    subject: { type: 'string', value: 'SUB', help: 'revoke: all tokens of one subject' },
    'issued-before': {
      type: 'string',
      value: 'TIME',
      help: 'revoke: only those issued until then, ISO 8601 or now (default: now; with --jti: whenever)',
    },
  },
  operands: [1, 2],
  run: (call) => runAction('tokens', tokens.usage, actions, call),
}

async function revoke(call: Call): Promise<ExitCode> {
  const issuer = call.text('issuer')
  const [jti, subject] = [call.text('jti'), call.text('subject')]
  if (!issuer) throw new UsageError('tokens revoke needs --issuer URL')
  if (jti !== undefined && subject !== undefined)
    throw new UsageError('--jti and --subject exclude each other')
  // A shell variable that is not set would revoke nothing and look as if it had.
  if (jti === '' || subject === '') throw new UsageError('--jti and --subject must not be empty')
  checkIssuer(call, issuer)
  const kind = jti !== undefined ? 'token' : subject !== undefined ? 'subject' : 'issuer'
  const nowMs = Date.now()
  const issuedBeforeMs = readTime(call.text('issued-before'), kind === 'token' ? null : nowMs, nowMs)
  return withLedger('tokens revoke', call, async (ledger) => {
    const wish = { issuer, kind, value: jti ?? subject ?? '', issuedBeforeMs } as const
    const { id } = await revokeTokens(ledger, wish, nowMs)
    if (call.flag('json'))
      print(jsonText({ id, ...wish, issuedBeforeMs: undefined, issuedBefore: time(issuedBeforeMs) }))
    else print(`${id}: every gateway refuses these tokens within 2 s`)
    return 0
  })
}

async function list(call: Call): Promise<ExitCode> {
  return withLedger('tokens list', call, async (ledger) => {
    const rows = (await listRevocations(ledger)).map(
      ({ id, issuer, kind, value, issuedBeforeMs, createdMs }) => ({
        ...{ id, issuer, kind, value },
        issuedBefore: time(issuedBeforeMs),
        created: time(createdMs),
      }),
    )
    if (call.flag('json')) print(jsonText(rows, 2))
    else
      print(
        table(
          ['id', 'issuer', 'kind', 'value', 'issued before', 'created'],
          rows.map((row) => [
            row.id,
            row.issuer,
            row.kind,
            row.value,
            row.issuedBefore ?? 'any',
            row.created ?? '',
          ]),
        ),
      )
    return 0
  })
}

async function restore(call: Call): Promise<ExitCode> {
  const [, id = ''] = call.operands
  return withLedger('tokens restore', call, async (ledger) => {
    const restored = await restoreTokens(ledger, id, Date.now())
    if (!restored) {
      tell(`portcullis: no revocation in force is called ${printable(id)}; portcullis tokens list shows them`)
      return 1
    }
    print(call.flag('json') ? jsonText({ id, restored: time(restored.restoredMs) }) : `${id} is taken back`)
    return 0
  })
}

/**
 * A misspelt issuer would revoke nothing. While the configuration has problems nobody knows its issuers, and a token must be
 * revocable all the same.
 */
function checkIssuer(call: Call, issuer: string): void {
  const { program } = compile(configurationOf(call), process.env)
  if (!program) return
  const trusted = Object.values(program.schemes).flatMap((plan) =>
    plan.kind === 'session' ? plan.issuer : 'issuers' in plan ? plan.issuers : [],
  )
  if (trusted.includes(issuer)) return
  const meant = nearest(issuer, trusted)
  throw new UsageError(
    `no scheme takes tokens of ${issuer}${meant === null ? '' : `; did you mean ${meant}?`}`,
  )
}

function readTime(text: string | undefined, unset: number | null, nowMs: number): number | null {
  if (text === undefined) return unset
  if (text === 'now') return nowMs
  const ms = /^\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:\d{2})$/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms))
    throw new UsageError('--issued-before must be a time such as 2026-11-25T08:00:00Z, or now')
  return ms
}
