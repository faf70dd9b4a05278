import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import type { Draw } from '../../src/engine/ports.ts'
import type { LimitPlan } from '../../src/program/program.ts'
import { BucketTable, slotsPerLine } from '../../src/stores/bucket-table.ts'
import { allocateCounters } from '../../src/stores/counters-memory.ts'
import { attachCounters } from '../../src/stores/memory-counters.ts'
import { snapshotQuotas } from '../../src/stores/quota-snapshot.ts'
import { keyNamed } from '../harness/key-named.ts'
import type { Filling } from './fill-worker.ts'

const nowMs = 1_800_000_000_000
const monthly: LimitPlan = {
  name: 'monthly',
  by: [{ property: 'address' }],
  rate: 5,
  windowSeconds: 30 * 86_400,
  burst: 5,
  ipv6PrefixBits: 64,
}
const drawn: Draw = { limit: monthly, key: keyNamed('k'), cost: 1 }
const lineBytes = 64

test('what is saved while another thread draws is each time an instant from before a take or from after it, never half of both', async () => {
  const memory = allocateCounters({ keys: 4, workers: 1 })
  const table = new BucketTable(memory.table)
  void attachCounters(memory, 0).take([drawn], nowMs)
  const { lines } = memory.table
  const slots = Array.from(
    { length: lines * slotsPerLine },
    (_, nth) => (lines + Math.floor(nth / slotsPerLine)) * 8 + (nth % slotsPerLine),
  )
  const slot = slots.find((one) => table.fullAtMs(one) > 0) as number
  // A year after the first take; both halves of the number differ.
  const instants = [2 ** 35 + 4095.5, 2 ** 35 + 2 ** 16 + 0.25]
  const thread = new Worker(new URL('fill-worker.ts', import.meta.url), {
    workerData: { table: memory.table, slot, instants } satisfies Filling,
  })
  while (table.fullAtMs(slot) < (instants[0] as number))
    await new Promise((resolve) => setTimeout(resolve, 1))
  const seen = new Set<number>()
  for (let time = 0; time < 2000; time++) {
    const saved = Buffer.concat((await snapshotQuotas(memory, new Uint8Array(16), nowMs)) ?? [])
    seen.add(saved.readDoubleLE(lineBytes + 8 * (slot % 8)))
  }
  await thread.terminate()
  assert.deepEqual(
    [...seen].filter((atMs) => !instants.includes(atMs)),
    [],
  )
})
