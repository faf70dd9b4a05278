import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { keyNamed } from '../../test/harness/key-named.ts'
import type { Draw, Taken } from '../engine/ports.ts'
import type { LimitPlan } from '../program/program.ts'
import { allocateCounters, attachDesk, type CountersMemory } from '../stores/counters-memory.ts'
import { attachCounters } from '../stores/memory-counters.ts'
import { keepQuotas, type QuotaKeeper } from './keep-quotas.ts'

const daily: LimitPlan = {
  name: 'daily',
  by: [{ property: 'address' }],
  rate: 5,
  windowSeconds: 86_400,
  burst: 5,
  ipv6PrefixBits: 64,
}
const of = (name: string, cost = 1): readonly Draw[] => [{ limit: daily, key: keyNamed(name), cost }]

function keep(memory: CountersMemory, stateDir: string): QuotaKeeper {
  return keepQuotas(memory, { stateDir }, { tell: (event) => assert.fail(event), lookAtClock: () => {} })
}

test('a take of another thread that is counted before its bucket is seen is in the file after an orderly stop', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-quotas-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const memory = allocateCounters({ keys: 100, workers: 1 })
  const keeper = keep(memory, folder)
  const counters = attachCounters(memory, 0)
  const count = attachDesk(memory).longDrawnOf(0)
  void counters.take(of('first'), Date.now())
  count[0] = 2
  await keeper.stop()
  void counters.take(of('second', 3), Date.now())
  count[0] = 2
  await keeper.stop()

  const next = allocateCounters({ keys: 100, workers: 1 })
  const keeperOfNext = keep(next, folder)
  const { states } = attachCounters(next, 0).take(of('second', 0), Date.now()) as Taken
  await keeperOfNext.stop()
  assert.equal(states[0]?.remaining, 2)
})
