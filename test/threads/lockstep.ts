import { Worker } from 'node:worker_threads'
import type { Draw } from '../../src/engine/ports.ts'
import type { CountersMemory } from '../../src/stores/counters-memory.ts'

export interface LockstepData {
  readonly memory: CountersMemory
  readonly control: SharedArrayBuffer
  readonly worker: number
  readonly takes: readonly (readonly Draw[])[]
}

/** Words by which threads and scheduler talk: some for all, then some for each thread, and the states it may be in. */
export const cells = {
  run: 0,
  reports: 1,
  stepping: 2,
  first: 16,
  each: 16,
  state: 0,
  granted: 1,
  allowed: 2,
  sleepsOn: 3,
  notified: 4,
  notifiedCount: 5,
  asking: 1,
  sleeping: 2,
  done: 3,
} as const

const longestStepMs = 30_000

/** When all takes come. */
export const nowMs = 1_800_000_000_000

/**
 * Threads that run the real takes, one step of a lock at a time, in the order that `choose` says: so a schedule can be
 * repeated, and all schedules can be walked.
 */
export class Lockstep {
  readonly #memory: CountersMemory
  readonly #scripts: readonly (readonly (readonly Draw[])[])[]
  readonly #control = new SharedArrayBuffer(4096)
  readonly #words = new Int32Array(this.#control)
  readonly #workers: (Worker | null)[] = []
  readonly #woken = new Set<number>()
  #run = 0

  constructor(memory: CountersMemory, scripts: readonly (readonly (readonly Draw[])[])[]) {
    this.#memory = memory
    this.#scripts = scripts
  }

  /** Starts the threads; each goes through its script once without steps, so that it knows its limits. */
  async start(): Promise<void> {
    for (const [worker, takes] of this.#scripts.entries()) {
      const workerData: LockstepData = { memory: this.#memory, control: this.#control, worker, takes }
      const thread = new Worker(new URL('lockstep-worker.ts', import.meta.url), { workerData })
      this.#workers.push(thread)
      await new Promise((resolve) => thread.once('online', resolve))
    }
    this.#begin(0)
    this.#settled()
  }

  async stop(): Promise<void> {
    for (const worker of this.#workers) await worker?.terminate()
  }

  /** Ends one thread for good, wherever it stands. */
  async kill(worker: number): Promise<void> {
    await this.#workers[worker]?.terminate()
    this.#workers[worker] = null
  }

  /** Begins a run with steps, with all buckets forgotten. */
  begin(): void {
    const { lines, buckets, warnings } = this.#memory.table
    new Int32Array(buckets, 0, lines * 32).fill(0)
    new Int32Array(warnings, 0, lines * 20).fill(0)
    this.#begin(1)
  }

  /** Threads that can take a step now; none when all are done. @throws when some only sleep: nobody will wake them */
  able(): readonly number[] {
    const states = this.#settled()
    const able = [...states.keys()].filter(
      (worker) => states[worker] === cells.asking || this.#woken.has(worker),
    )
    if (able.length === 0 && states.includes(cells.sleeping)) throw new Error('all sleep')
    return able
  }

  step(worker: number): void {
    this.#woken.delete(worker)
    const at = cells.first + worker * cells.each
    this.#words[at + cells.notifiedCount] = 0
    Atomics.exchange(this.#words, at + cells.state, 0)
    Atomics.add(this.#words, at + cells.granted, 1)
    Atomics.notify(this.#words, at + cells.granted)
    this.#settled()
    this.#wake(this.#words[at + cells.notified] as number, this.#words[at + cells.notifiedCount] as number)
  }

  /** Lets so many of those go on that sleep on a word. */
  #wake(index: number, count: number): void {
    let left = count
    for (const [worker, state] of this.#states().entries()) {
      const sleepsOn = this.#words[cells.first + worker * cells.each + cells.sleepsOn]
      if (left === 0 || state !== cells.sleeping || this.#woken.has(worker) || sleepsOn !== index) continue
      this.#woken.add(worker)
      left--
    }
  }

  /** Wakes all that sleep, as their time-out does. */
  wakeAll(): void {
    for (const [worker, state] of this.#states().entries())
      if (state === cells.sleeping) this.#woken.add(worker)
  }

  /** Which of its takes a thread was allowed, in order. */
  allowed(worker: number): readonly boolean[] {
    const bits = this.#words[cells.first + worker * cells.each + cells.allowed] as number
    return (this.#scripts[worker] ?? []).map((_, nth) => ((bits >> nth) & 1) === 1)
  }

  #begin(stepping: number): void {
    this.#run++
    for (const worker of this.#scripts.keys()) Atomics.exchange(this.#words, this.#stateAt(worker), 0)
    Atomics.exchange(this.#words, cells.stepping, stepping)
    Atomics.exchange(this.#words, cells.run, this.#run)
    Atomics.notify(this.#words, cells.run)
  }

  #states(): readonly number[] {
    return this.#scripts.map((_, worker) =>
      this.#workers[worker] === null ? cells.done : Atomics.load(this.#words, this.#stateAt(worker)),
    )
  }

  #stateAt(worker: number): number {
    return cells.first + worker * cells.each + cells.state
  }

  /** Waits until no thread is on its way. @throws when one stays away: this thread blocks, and no time-out of a test ends that */
  #settled(): readonly number[] {
    for (const startedMs = performance.now(); ; ) {
      const reports = Atomics.load(this.#words, cells.reports)
      const states = this.#states()
      if (states.every((state) => state !== 0)) return states
      if (performance.now() - startedMs > longestStepMs)
        throw new Error(`after ${longestStepMs} ms some thread is still on its way: ${states.join(' ')}`)
      Atomics.wait(this.#words, cells.reports, reports, 1000)
    }
  }
}

/**
 * Walks all schedules, depth first, or as many as given.
 * @param run takes a choice among so many at each step, and returns once all is done
 * @returns how many were walked, and whether those were all
 */
export function walk(most: number, run: (choose: (options: number) => number) => void) {
  const path: { chosen: number; readonly options: number }[] = []
  let walked = 0
  for (; walked < most; walked++) {
    let depth = 0
    run((options) => {
      const known = path[depth++]
      if (known) return known.chosen
      path.push({ chosen: 0, options })
      return 0
    })
    let last = path.at(-1)
    while (last && last.chosen + 1 >= last.options) {
      path.pop()
      last = path.at(-1)
    }
    if (!last) return { walked: walked + 1, all: true }
    last.chosen++
  }
  return { walked, all: false }
}
