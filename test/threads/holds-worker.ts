import { parentPort, workerData } from 'node:worker_threads'
import { type Ask, attachHolds, type HoldsMemory } from '../../src/stores/shared-holds.ts'

/** What a thread enters and leaves, one after another. */
export interface HoldsStorm {
  readonly memory: HoldsMemory
  readonly worker: number
  readonly asks: readonly (readonly Ask[])[]
  readonly times: number
  /** How many hold each key, by its place in `keys`: written inside, so never more than really hold it. */
  readonly inside: SharedArrayBuffer
  readonly keys: readonly string[]
}

export interface HoldsSeen {
  /** How often each of the asks was entered. */
  readonly entered: readonly number[]
  /** The most that were seen to hold each key at once. */
  readonly most: readonly number[]
}

const { memory, worker, asks, times, inside, keys } = workerData as HoldsStorm
const holds = attachHolds(memory, worker)
const present = new Int32Array(inside)
const notes = { claimed: () => {}, full: () => {} }
const entered = asks.map(() => 0)
const most = keys.map(() => 0)
parentPort?.postMessage('started')
for (let time = 0; time < times; time++)
  for (const [nth, wanted] of asks.entries()) {
    if (!holds.enterAll(wanted, notes).entered) continue
    entered[nth] = (entered[nth] ?? 0) + 1
    const places = wanted.map(({ key }) => keys.indexOf(key))
    for (const place of places) most[place] = Math.max(most[place] ?? 0, Atomics.add(present, place, 1) + 1)
    for (const place of places) Atomics.sub(present, place, 1)
    for (const { key } of wanted) holds.leave(key)
  }
const seen: HoldsSeen = { entered, most }
parentPort?.postMessage(seen)
