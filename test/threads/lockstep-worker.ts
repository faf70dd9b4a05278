import { workerData } from 'node:worker_threads'
import type { Taken } from '../../src/engine/ports.ts'
import { attachCounters } from '../../src/stores/memory-counters.ts'
import { cells, type LockstepData, nowMs } from './lockstep.ts'

/** A thread that stops before each step of a lock until the scheduler lets it go on. */
const { memory, control, worker, takes } = workerData as LockstepData
const words = new Int32Array(control)
const at = (cell: number) => cells.first + worker * cells.each + cell
let stepping = false
let granted = 0

const counters = attachCounters(memory, worker, {
  compareExchange: ((array: Int32Array, index: number, expected: number, next: number) => {
    gate()
    return Atomics.compareExchange(array, index, expected, next)
  }) as typeof Atomics.compareExchange,
  exchange: ((array: Int32Array, index: number, next: number) => {
    gate()
    return Atomics.exchange(array, index, next)
  }) as typeof Atomics.exchange,
  notify: (array, index = 0, count = Number.POSITIVE_INFINITY) => {
    if (!stepping) return Atomics.notify(array as Int32Array<SharedArrayBuffer>, index, count)
    gate()
    // The scheduler wakes: who sleeps is known to it alone.
    words[at(cells.notified)] = index
    words[at(cells.notifiedCount)] = Math.min(count, 1000)
    return 0
  },
  wait: ((array: Int32Array<SharedArrayBuffer>, index: number, value: number, timeoutMs?: number) => {
    if (!stepping) return Atomics.wait(array, index, value, timeoutMs)
    gate()
    if (Atomics.load(array, index) !== value) return 'not-equal'
    words[at(cells.sleepsOn)] = index
    pause(cells.sleeping)
    return 'ok'
  }) as typeof Atomics.wait,
})

for (let run = 0; ; ) {
  Atomics.wait(words, cells.run, run)
  run = Atomics.load(words, cells.run)
  stepping = Atomics.load(words, cells.stepping) === 1
  let allowed = 0
  for (const [nth, draws] of takes.entries()) {
    if ((counters.take(draws, nowMs) as Taken).allowed) allowed |= 1 << nth
  }
  words[at(cells.allowed)] = allowed
  tell(cells.done)
}

function gate(): void {
  if (stepping) pause(cells.asking)
}

function pause(state: number): void {
  tell(state)
  while (Atomics.load(words, at(cells.granted)) === granted) Atomics.wait(words, at(cells.granted), granted)
  granted = Atomics.load(words, at(cells.granted))
}

function tell(state: number): void {
  Atomics.exchange(words, at(cells.state), state)
  Atomics.add(words, cells.reports, 1)
  Atomics.notify(words, cells.reports)
}
