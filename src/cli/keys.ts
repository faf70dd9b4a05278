import { hashPassword } from '../app/hash-password.ts'
import { createKey, listKeys, type MintedKey, revokeKey, rotateKey, stateOf } from '../app/manage-keys.ts'
import { parseDuration } from '../base/duration.ts'
import { parseCidr } from '../base/ip.ts'
import { nearest } from '../base/nearest.ts'
import { compile } from '../contract/compile.ts'
import type { Program } from '../program/program.ts'
import { type Actions, runAction } from './actions.ts'
import {
  type Call,
  type Command,
  configurationOf,
  configurationOption,
  type ExitCode,
  UsageError,
} from './command.ts'
import { tally, tellAll } from './diagnostics.ts'
import { readSecretLine } from './stdin.ts'
import { table } from './table.ts'
import { jsonText, print, tell, time } from './terminal.ts'
import { withLedger } from './with-ledger.ts'

/** A key that nobody renews ends by itself. */
const defaultLifetime = '90d'
const defaultOverlap = '24h'
/** Ten years. Beyond what a date can say, a record could be written and never be read again. */
const maxLifetimeMs = 3650 * 86_400_000

const key = 'the ID of a key'
const actions: Actions = {
  create: { of: null, run: create },
  list: { of: null, run: list },
  rotate: { of: key, run: rotate },
  revoke: { of: key, run: revoke },
  'hash-password': { of: null, run: hash },
}

export const keys: Command = {
  usage: 'keys create|list|rotate|revoke|hash-password [ID] [-c FILE] [--json]',
  summary: 'make API keys, list them, replace them, end them; hash a password',
  options: {
    config: configurationOption,
    json: { type: 'boolean', help: 'print one JSON document' },
    name: { type: 'string', value: 'NAME', help: 'create: what the key is for' },
    owner: { type: 'string', value: 'WHO', help: 'create: who answers for it; the subject of its requests' },
    scheme: {
      type: 'string',
      value: 'SCHEME',
      help: 'create: which scheme it opens, where there are several',
    },
    scope: {
      type: 'string',
      multiple: true,
      value: 'SCOPE',
      help: 'create: a scope it has; may be repeated',
    },
    operation: {
      type: 'string',
      multiple: true,
      value: 'ID',
      help: 'create: an operation it may call; default: all',
    },
    address: {
      type: 'string',
      multiple: true,
      value: 'CIDR',
      help: 'create: where it may come from; default: anywhere',
    },
    expires: {
      type: 'string',
      value: 'DURATION',
      help: `create, rotate: its lifetime, or never (default: ${defaultLifetime})`,
    },
    overlap: {
      type: 'string',
      value: 'DURATION',
      help: `rotate: how long the old key stays good (default: ${defaultOverlap})`,
    },
  },
  operands: [1, 2],
  run: (call) => runAction('keys', keys.usage, actions, call),
}

async function create(call: Call): Promise<ExitCode> {
  const name = call.text('name')
  if (!name) throw new UsageError('keys create needs --name NAME')
  const expiresMs = lifetime(call)
  const { program, diagnostics } = compile(configurationOf(call), process.env)
  if (!program) {
    tellAll(diagnostics)
    tell(`portcullis: ${tally(diagnostics)}`)
    return 1
  }
  const scheme = schemeOf(program, call.text('scheme'))
  const operations = call.texts('operation')
  for (const operation of operations)
    known(
      'operation',
      operation,
      program.operations.map(({ id }) => id),
    )
  const scopes = call.texts('scope')
  for (const scope of scopes) known('scope', scope, scopesOf(program, scheme))
  const addresses = call.texts('address')
  for (const address of addresses)
    if (!parseCidr(address))
      throw new UsageError(`${address} is no address range; write one such as 10.0.0.0/8`)
  return withLedger('keys create', call, async (ledger) => {
    const wish = { scheme, name, owner: call.text('owner') ?? null, scopes, operations, addresses, expiresMs }
    show(call, await createKey(ledger, wish, Date.now()))
    return 0
  })
}

async function rotate(call: Call): Promise<ExitCode> {
  const [, id = ''] = call.operands
  const overlapMs = duration('overlap', call.text('overlap') ?? defaultOverlap)
  if (overlapMs > maxLifetimeMs) throw new UsageError('--overlap must be at most 3650d')
  const expiresMs = lifetime(call)
  return withLedger('keys rotate', call, async (ledger) => {
    const rotated = await rotateKey(ledger, id, { overlapMs, expiresMs }, Date.now())
    if (!rotated) {
      tell(`portcullis: ${id} is no active key; portcullis keys list shows them`)
      return 1
    }
    show(call, rotated.minted)
    tell(`${id} stays good until ${time(rotated.old.expiresMs)}`)
    return 0
  })
}

async function revoke(call: Call): Promise<ExitCode> {
  const [, id = ''] = call.operands
  return withLedger('keys revoke', call, async (ledger) => {
    const record = await revokeKey(ledger, id, Date.now())
    if (!record) {
      tell(`portcullis: there is no key ${id}; portcullis keys list shows them`)
      return 1
    }
    if (call.flag('json')) print(jsonText({ id, revoked: time(record.revokedMs) }))
    else print(`${id} (${record.name}) is revoked; every gateway refuses it within 2 s`)
    return 0
  })
}

async function list(call: Call): Promise<ExitCode> {
  return withLedger('keys list', call, async (ledger) => {
    const [records, uses] = [await listKeys(ledger), await ledger.uses()]
    const nowMs = Date.now()
    const rows = records.map(({ hash: _, createdMs, expiresMs, revokedMs, ...facts }) => ({
      ...facts,
      state: stateOf({ hash: _, createdMs, expiresMs, revokedMs, ...facts }, nowMs),
      created: time(createdMs),
      expires: time(expiresMs),
      revoked: time(revokedMs),
      lastUsed: time(uses.get(facts.id) ?? null),
    }))
    if (call.flag('json')) {
      print(jsonText(rows, 2))
      return 0
    }
    print(
      table(
        ['id', 'name', 'owner', 'scheme', 'scopes', 'state', 'expires', 'last used'],
        rows.map((row) => [
          ...[row.id, row.name, row.owner ?? '', row.scheme, row.scopes.join(' '), row.state],
          ...[row.expires?.slice(0, 10) ?? 'never', row.lastUsed?.slice(0, 16) ?? 'never'],
        ]),
      ),
    )
    return 0
  })
}

async function hash(): Promise<ExitCode> {
  const password = await readSecretLine('The password (it is not shown):')
  if (password.length < 12) {
    tell('portcullis: write the password to standard input, 12 characters or more')
    return 1
  }
  print(await hashPassword(password))
  return 0
}

function show(call: Call, { text, record }: MintedKey): void {
  const { hash: _, createdMs, expiresMs, revokedMs: __, replacedBy: ___, ...facts } = record
  const times = { created: time(createdMs), expires: time(expiresMs) }
  if (call.flag('json')) {
    print(jsonText({ ...facts, ...times, key: text }, 2))
    return
  }
  print(text)
  tell(`${record.id} (${record.name}) for ${record.scheme}, until ${times.expires ?? 'it is revoked'}`)
  tell('The key is shown this once; only its hash is kept.')
}

function schemeOf({ schemes }: Program, wanted: string | undefined): string {
  const all = Object.keys(schemes).filter((name) => schemes[name]?.kind === 'apiKey')
  if (all.length === 0)
    throw new UsageError('no operation demands a scheme of type apiKey, so a key would open nothing')
  if (wanted !== undefined) return known('scheme of type apiKey', wanted, all)
  const [first = '', ...others] = all
  if (others.length > 0)
    throw new UsageError(`several schemes take keys; name one with --scheme: ${all.join(', ')}`)
  return first
}

function scopesOf({ operations }: Program, scheme: string): readonly string[] {
  return operations.flatMap(({ security }) =>
    security.alternatives.flat().flatMap((one) => (one.scheme === scheme ? one.scopes : [])),
  )
}

function known(kind: string, name: string, all: readonly string[]): string {
  if (all.includes(name)) return name
  const meant = nearest(name, all)
  throw new UsageError(
    `the contract has no ${kind} ${name}${meant === null ? '' : `; did you mean ${meant}?`}`,
  )
}

function lifetime(call: Call): number | null {
  const written = call.text('expires') ?? defaultLifetime
  if (written === 'never') return null
  const ms = duration('expires', written)
  if (ms === 0 || ms > maxLifetimeMs)
    throw new UsageError('--expires must be above 0 and at most 3650d, or never')
  return Date.now() + ms
}

function duration(option: string, text: string): number {
  const ms = parseDuration(text)
  if (ms === null) throw new UsageError(`--${option} must be a duration such as 24h or 90d`)
  return ms
}
