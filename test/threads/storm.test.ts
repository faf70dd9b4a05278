import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import type { Draw, Taken } from '../../src/engine/ports.ts'
import type { LimitPlan } from '../../src/program/program.ts'
import { allocateCounters, type CountersMemory, releaseAfterDeath } from '../../src/stores/counters-memory.ts'
import { attachCounters } from '../../src/stores/memory-counters.ts'
import { keyNamed } from '../harness/key-named.ts'
import type { Storm } from './storm-worker.ts'

const atMs = 1_800_000_000_000
const threads = 4
const plan = (name: string, burst: number): LimitPlan => ({
  name,
  by: [{ property: 'address' }],
  rate: 1,
  windowSeconds: 3600,
  burst,
  ipv6PrefixBits: 64,
})
const [wide, narrow] = [plan('wide', 30_000), plan('narrow', 9000)]
const of = (limit: LimitPlan, key: string): Draw => ({ limit, key: keyNamed(key), cost: 1 })

function start(memory: CountersMemory, worker: number, draws: Storm['draws'], times: number) {
  const workerData: Storm = { memory, worker, draws, times, atMs }
  const thread = new Worker(new URL('storm-worker.ts', import.meta.url), { workerData })
  const started = new Promise((resolve) => thread.once('message', resolve))
  const ended = new Promise<readonly number[]>((resolve, reject) => {
    thread.on('message', (message) => message !== 'started' && resolve(message))
    thread.on('error', reject)
  })
  return { thread, started, ended }
}

const remaining = (memory: CountersMemory, asked: Draw) =>
  (attachCounters(memory, threads).take([{ ...asked, cost: 0 }], atMs) as Taken).states[0]?.remaining

test('four threads on the same keys get exactly what the buckets hold, all or nothing', async () => {
  const memory = allocateCounters({ keys: 100, workers: threads + 1 })
  const both = [of(wide, 'k'), of(narrow, 'k')]
  const draws = [[of(wide, 'k')], both, both.toReversed()]
  const storm = Array.from({ length: threads }, (_, worker) => start(memory, worker, draws, 6000))
  const counts = await Promise.all(storm.map(({ ended }) => ended))
  const of3 = (nth: number) => counts.reduce((sum, allowed) => sum + (allowed[nth] ?? 0), 0)
  assert.equal(of3(1) + of3(2), 9000, 'the narrow bucket gave all it held')
  assert.equal(
    of3(0) + of3(1) + of3(2),
    30_000,
    'the wide one gave one for each of these, and the rest alone',
  )
  assert.equal(remaining(memory, of(wide, 'k')), 0)
})

test('threads that are ended in the middle of their takes leave no lock and no token behind', async () => {
  const memory = allocateCounters({ keys: 100, workers: threads + 1 })
  const full = plan('full', 1_000_000)
  const draws = [[of(full, 'a'), of(wide, 'b')]]
  for (let death = 0; death < 8; death++) {
    const storm = [0, 1, 2].map((worker) => start(memory, worker, draws, worker === 0 ? 1e9 : 2000))
    await Promise.all(storm.map(({ started }) => started))
    await storm[0]?.thread.terminate()
    releaseAfterDeath(memory, 0)
    await Promise.all(storm.slice(1).map(({ ended }) => ended))
  }
  const charged = (limit: LimitPlan, key: string) => limit.burst - (remaining(memory, of(limit, key)) ?? 0)
  const difference = Math.abs(charged(full, 'a') - charged(wide, 'b'))
  assert.ok(
    charged(wide, 'b') === wide.burst || difference <= 8,
    `at most one half-written take a death, not ${difference}`,
  )
})
