import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import {
  type Ask,
  allocateHolds,
  attachHolds,
  type HoldsMemory,
  releaseHoldsAfterDeath,
  sizeOfHolds,
} from '../../src/stores/shared-holds.ts'
import type { HoldsSeen, HoldsStorm } from './holds-worker.ts'

// Caps under a storm of threads that enter and leave the same keys.

const threads = 4
const keys = ['roomy', 'pair', 'single']
/** As each thread holds a key at most once at a time, this one is never full. */
const roomy: Ask = { key: 'roomy', max: threads }
const pair: Ask = { key: 'pair', max: 2 }
const single: Ask = { key: 'single', max: 1 }
const asks = [[roomy], [roomy, single], [pair, single], [single, pair, roomy], [pair]]

function start(memory: HoldsMemory, worker: number, times: number, inside: SharedArrayBuffer) {
  const workerData: HoldsStorm = { memory, worker, asks, times, inside, keys }
  const thread = new Worker(new URL('holds-worker.ts', import.meta.url), { workerData })
  const started = new Promise((resolve) => thread.once('message', resolve))
  const ended = new Promise<HoldsSeen>((resolve, reject) => {
    thread.on('message', (message) => message !== 'started' && resolve(message))
    thread.on('error', reject)
  })
  return { thread, started, ended }
}

test('of four threads never more hold a key than may, who is denied holds nothing, and nobody is denied for a moment of another', async () => {
  const memory = allocateHolds(14, threads)
  const inside = new SharedArrayBuffer(keys.length * 4)
  const times = 20_000
  const storm = Array.from({ length: threads }, (_, worker) => start(memory, worker, times, inside))
  const seen = await Promise.all(storm.map(({ ended }) => ended))
  const most = keys.map((_, place) => Math.max(...seen.map((one) => one.most[place] ?? 0)))
  assert.ok((most[0] ?? 0) <= threads && (most[1] ?? 0) <= 2, String(most))
  assert.equal(most[2], 1)
  for (const { entered } of seen) {
    assert.equal(entered[0], times, 'what a denied one takes and gives back is never seen')
    assert.ok(entered.every((count) => count > 0))
  }
  const all = seen.reduce((sum, { entered }) => sum + (entered[1] ?? 0) + (entered[2] ?? 0), 0)
  assert.ok(all < 2 * threads * times, 'the threads did meet')
  assert.equal(sizeOfHolds(memory), 0)
})

test('a thread that is ended in the middle of its asks leaves no lock behind, and holds nothing', async () => {
  const memory = allocateHolds(14, threads)
  const inside = new SharedArrayBuffer(keys.length * 4)
  for (let death = 0; death < 8; death++) {
    const storm = [0, 1, 2].map((worker) => start(memory, worker, worker === 0 ? 1e9 : 2000, inside))
    await Promise.all(storm.map(({ started }) => started))
    await storm[0]?.thread.terminate()
    releaseHoldsAfterDeath(memory, 0)
    await Promise.all(storm.slice(1).map(({ ended }) => ended))
    assert.equal(sizeOfHolds(memory), 0)
    const holds = attachHolds(memory, threads - 1)
    for (const { key, max } of [roomy, pair, single]) {
      for (let nth = 0; nth < max; nth++) assert.ok(holds.enter(key, max))
      assert.equal(holds.enter(key, max), false)
      for (let nth = 0; nth < max; nth++) holds.leave(key)
    }
  }
})
