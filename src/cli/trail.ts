import { readFileSync } from 'node:fs'
import {
  addHold,
  type HoldField,
  publicKeyOf,
  removeHold,
  verifyWrittenTrail,
} from '../app/trail/manage-trail.ts'
import { type Actions, runAction } from './actions.ts'
import { type Call, type Command, configurationOption, type ExitCode, UsageError } from './command.ts'
import { table } from './table.ts'
import { jsonText, paint, plural, print, printable, tell, time } from './terminal.ts'
import { exportTrail, searchTrailFor } from './trail-search.ts'
import { trailPlace, withTrail } from './with-trail.ts'

const actions: Actions = {
  verify: { of: null, run: verify },
  search: { of: null, run: searchTrailFor },
  export: { of: null, run: exportTrail },
  hold: { of: 'add, list or remove', run: hold },
  'public-key': { of: null, run: publicKey },
}

export const trail: Command = {
  usage: 'trail verify|search|export|public-key|hold [add|list|remove ID] [-c FILE] [--json]',
  summary: 'prove that the audit trail is whole, search it, keep parts of it',
  options: {
    config: configurationOption,
    json: { type: 'boolean', help: 'print JSON, one object a line for entries' },
    subject: { type: 'string', value: 'WHO', help: 'search, export, hold add: entries of a subject' },
    operation: { type: 'string', value: 'ID', help: 'search, export, hold add: entries of an operation' },
    request: { type: 'string', value: 'ID', help: 'search, export, hold add: entries of a request' },
    decision: { type: 'string', value: 'allow|deny', help: 'search, export: what was decided' },
    since: {
      type: 'string',
      value: 'TIME',
      help: 'search, export: from a time on (2026-01-31, 24h ago as 24h)',
    },
    until: { type: 'string', value: 'TIME', help: 'search, export: before a time' },
    limit: { type: 'string', value: 'N', help: 'search: at most so many' },
    format: { type: 'string', value: 'jsonl|csv', help: 'export: JSON Lines (the default) or CSV' },
    note: { type: 'string', value: 'TEXT', help: 'hold add: why' },
    'public-key': { type: 'string', multiple: true, value: 'FILE', help: 'verify: a key (PEM) to believe' },
    'only-these-keys': { type: 'boolean', help: 'verify: do not believe the configured key' },
    checkpoint: {
      type: 'string',
      multiple: true,
      value: 'FILE',
      help: 'verify: checkpoints of an earlier time, or a log that has them',
    },
  },
  operands: [1, 3],
  run: (call) => {
    if (call.operands.length === 3 && call.operands[0] !== 'hold')
      throw new UsageError(`trail ${call.operands[0]} takes no third word`)
    return runAction('trail', trail.usage, actions, call)
  },
}

const progressEveryMs = 500

function verify(call: Call): Promise<ExitCode> {
  const texts = (option: string) => call.texts(option).map(readText)
  const [publicKeys, checkpoints] = [texts('public-key'), texts('checkpoint')]
  return withTrail(call, async (store, place) => {
    let toldMs = performance.now()
    const report = await verifyWrittenTrail(place, store, {
      publicKeys,
      checkpoints,
      onlyThese: call.flag('only-these-keys'),
      progress(entries) {
        if (!process.stderr.isTTY || performance.now() - toldMs < progressEveryMs) return
        toldMs = performance.now()
        process.stderr.write(`\r${entries} entries `)
      },
    })
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
    const { chains, entries, problems } = report
    if (call.flag('json')) print(jsonText({ sound: problems.length === 0, ...report }, 2))
    else {
      for (const { chain, sequence, problem } of problems)
        print(`${paint('red', 'bad')}  chain ${shown(chain)}, entry ${sequence}: ${printable(problem)}`)
      for (const { chain, last, signedUpTo, closed } of chains)
        if (!closed && last > signedUpTo)
          print(
            `note  chain ${shown(chain)}: ${plural(last - signedUpTo, 'entry').replace('entrys', 'entries')} after its last checkpoint are chained, and not signed yet`,
          )
      const verdict =
        problems.length === 0 ? 'the trail is whole' : `${plural(problems.length, 'chain')} with a bad entry`
      print(`${entries} entries in ${plural(chains.length, 'chain')}: ${verdict}`)
    }
    return problems.length === 0 ? 0 : 1
  })
}

async function hold(call: Call): Promise<ExitCode> {
  const [, word, id] = call.operands
  if (word === 'add' && id === undefined) return addOne(call)
  if (word === 'list' && id === undefined) return list(call)
  if (word === 'remove' && id !== undefined) return removeOne(call, id)
  throw new UsageError('write trail hold add, trail hold list or trail hold remove ID')
}

function addOne(call: Call): Promise<ExitCode> {
  const named: readonly (readonly [HoldField, string | undefined])[] = [
    ['subject', call.text('subject')],
    ['operation', call.text('operation')],
    ['request_id', call.text('request')],
  ]
  const given = named.filter(([, value]) => value !== undefined)
  const [[field, value] = []] = given
  if (given.length !== 1 || field === undefined || !value)
    throw new UsageError('trail hold add needs one of --subject, --operation and --request')
  return withTrail(call, async (store, place) => {
    const added = await addHold(place, store, { field, value, note: call.text('note') ?? '' }, Date.now())
    if (call.flag('json')) print(jsonText({ ...added, created: time(added.createdMs) }))
    else
      print(`${added.id}: entries with this ${field} are kept, and all after the first of them in its chain`)
    return 0
  })
}

function removeOne(call: Call, id: string): Promise<ExitCode> {
  return withTrail(call, async (store, place) => {
    if (await removeHold(place, store, id)) {
      print(
        call.flag('json') ? jsonText({ id }) : `${id} is no more; its entries go when they are old enough`,
      )
      return 0
    }
    tell(`portcullis: there is no hold ${printable(id)}; portcullis trail hold list shows them`)
    return 1
  })
}

function list(call: Call): Promise<ExitCode> {
  return withTrail(call, async (store) => {
    const holds = (await store.holds()).map(({ createdMs, ...facts }) => ({
      ...facts,
      created: time(createdMs) ?? '',
    }))
    if (call.flag('json')) print(jsonText(holds, 2))
    else
      print(
        table(
          ['id', 'field', 'value', 'since', 'note'],
          holds.map(({ id, field, value, created, note }) => [id, field, value, created.slice(0, 16), note]),
        ),
      )
    return 0
  })
}

async function publicKey(call: Call): Promise<ExitCode> {
  const place = trailPlace(call)
  if (!place) return 1
  process.stdout.write(publicKeyOf(place))
  return 0
}

/** Names of chains come from the store, and whoever tampers with it can write what they like. */
function shown(chain: string): string {
  return chain.replace(/[^A-Za-z0-9.-]/g, '?')
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}
