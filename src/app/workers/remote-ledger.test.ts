import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReadLedger } from '../../identity/ledger-view.ts'
import type { Settings } from '../../program/settings.ts'
import { offerLedgers, shareLedgers } from './remote-ledger.ts'

const settings = { ledger: { database: 'postgres://ledger', staleAfterMs: 1 }, stateDir: '.' } as Settings

/** A ledger that counts who opened and closed it. */
function openings() {
  const counts = { opened: 0, closed: 0 }
  const ledger: ReadLedger = {
    changesSince: async () => assert.fail('nobody reads'),
    noteUses: async () => {},
    async close() {
      counts.closed++
    },
  }
  const open = async () => {
    counts.opened++
    return ledger
  }
  return { counts, open }
}

test('a ledger that could not be opened is tried anew by the next reload', async () => {
  const { counts, open } = openings()
  let installed = false
  const shared = shareLedgers(async () => {
    if (!installed) throw new Error('PostgreSQL needs the package pg')
    return open()
  })
  const both = await Promise.allSettled([shared(settings), shared(settings)])
  assert.deepEqual(
    both.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  installed = true
  const [one, two] = [await shared(settings), await shared(settings)]
  await one.close()
  assert.deepEqual(counts, { opened: 1, closed: 0 })
  await two.close()
  assert.deepEqual(counts, { opened: 1, closed: 1 })
})

test('what is opened for a thread that dies meanwhile is closed', async () => {
  const { counts, open } = openings()
  const opening = Promise.withResolvers<void>()
  const { calls, end } = offerLedgers(
    shareLedgers(async () => {
      await opening.promise
      return open()
    }),
  )
  const asked = calls['ledger.open'](settings)
  end()
  opening.resolve()
  await asked
  assert.deepEqual(counts, { opened: 1, closed: 1 })
})
