import { parentPort, workerData } from 'node:worker_threads'
import type { Draw, Taken } from '../../src/engine/ports.ts'
import type { CountersMemory } from '../../src/stores/counters-memory.ts'
import { attachCounters } from '../../src/stores/memory-counters.ts'

/** What a thread of the storm takes, one after another, all at one instant. */
export interface Storm {
  readonly memory: CountersMemory
  readonly worker: number
  readonly draws: readonly (readonly Draw[])[]
  readonly times: number
  readonly atMs: number
}

const { memory, worker, draws, times, atMs } = workerData as Storm
const counters = attachCounters(memory, worker)
const allowed = draws.map(() => 0)
parentPort?.postMessage('started')
for (let time = 0; time < times; time++)
  for (const [nth, one] of draws.entries())
    if ((counters.take(one, atMs) as Taken).allowed) allowed[nth] = (allowed[nth] ?? 0) + 1
parentPort?.postMessage(allowed)
