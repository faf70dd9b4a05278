import assert from 'node:assert/strict'
import { test } from 'node:test'
import { draw, paceOf } from '../../src/engine/limit/draw.ts'
import type { Draw, Taken } from '../../src/engine/ports.ts'
import type { LimitPlan } from '../../src/program/program.ts'
import {
  allocateCounters,
  attachDesk,
  type CountersMemory,
  releaseAfterDeath,
} from '../../src/stores/counters-memory.ts'
import { attachCounters } from '../../src/stores/memory-counters.ts'
import { keyNamed } from '../harness/key-named.ts'
import { Lockstep, nowMs, walk } from './lockstep.ts'

const plan = (name: string, burst: number, windowSeconds = 60): LimitPlan => ({
  name,
  by: [{ property: 'address' }],
  rate: burst,
  windowSeconds,
  burst,
  ipv6PrefixBits: 64,
})
const [one, two] = [plan('one', 1), plan('two', 2)]
const of = (limit: LimitPlan, key: string): Draw => ({ limit, key: keyNamed(key), cost: 1 })
type Script = readonly (readonly Draw[])[]

/** All outcomes that some order of whole takes has: which were allowed, and what is left of each bucket. */
function outcomes(scripts: readonly Script[]): ReadonlySet<string> {
  const found = new Set<string>()
  const follow = (
    left: readonly Script[],
    buckets: ReadonlyMap<string, number>,
    allowed: readonly (readonly boolean[])[],
  ) => {
    if (left.every(({ length }) => length === 0)) return void found.add(shown(allowed, leftOf(buckets)))
    for (const [worker, [draws, ...rest]] of left.entries()) {
      if (!draws) continue
      const drawn = draws.map((asked) => draw(buckets.get(nameOf(asked)), paceOf(asked.limit), asked.cost, 1))
      const passes = drawn.every((taken) => taken.allowed)
      const after = new Map(buckets)
      if (passes)
        for (const [nth, taken] of drawn.entries()) after.set(nameOf(draws[nth] as Draw), taken.fullAtMs)
      follow(left.with(worker, rest), after, allowed.with(worker, [...(allowed[worker] ?? []), passes]))
    }
  }
  const leftOf = (buckets: ReadonlyMap<string, number>) =>
    drawsOf(scripts).map((asked) => draw(buckets.get(nameOf(asked)), paceOf(asked.limit), 0, 1).remaining)
  follow(
    scripts,
    new Map(),
    scripts.map(() => []),
  )
  return found
}

const nameOf = ({ limit, key }: Draw) => `${limit.name} ${key.name}`
const drawsOf = (scripts: readonly Script[]) => [
  ...new Map(scripts.flat(2).map((asked) => [nameOf(asked), asked])).values(),
]
const shown = (allowed: unknown, left: unknown) => JSON.stringify([allowed, left])

function observe(memory: CountersMemory, lockstep: Lockstep, scripts: readonly Script[]): string {
  const watcher = attachCounters(memory, scripts.length)
  const left = drawsOf(scripts).map((asked) => {
    return (watcher.take([{ ...asked, cost: 0 }], nowMs) as Taken).states[0]?.remaining
  })
  return shown(
    scripts.map((_, worker) => lockstep.allowed(worker)),
    left,
  )
}

async function holds(scripts: readonly Script[], most: number, keys = 1000): Promise<boolean> {
  // One secret, so that the lines are the same each time, and with them the schedules.
  const secret = Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7])
  const memory = { ...allocateCounters({ keys, workers: scripts.length + 1 }), secret }
  const lockstep = new Lockstep(memory, scripts)
  await lockstep.start()
  const possible = outcomes(scripts)
  const seen = new Set<string>()
  const { all } = walk(most, (choose) => {
    lockstep.begin()
    for (let able = lockstep.able(); able.length > 0; able = lockstep.able())
      lockstep.step(able[choose(able.length)] as number)
    const outcome = observe(memory, lockstep, scripts)
    assert.ok(possible.has(outcome), `${outcome} is none of ${[...possible].join(' ')}`)
    seen.add(outcome)
  })
  await lockstep.stop()
  if (all) assert.deepEqual(seen, possible, 'every order of the takes comes about in some schedule')
  return all
}

test('in 3000 interleavings of two threads that want the last token of a new key, one gets it', async () => {
  await holds([[[of(one, 'k')]], [[of(one, 'k')]]], 3000)
})

test('under every interleaving takes of two buckets in opposite order are all or nothing, and end', async () => {
  assert.ok(await holds([[[of(one, 'a'), of(two, 'b')]], [[of(two, 'b'), of(one, 'a')]]], 20_000))
})

test('a thread that dies at any step of a take leaves the others to go on, and no token twice', async () => {
  const scripts = [[[of(two, 'a'), of(one, 'b')]], [[of(one, 'b'), of(two, 'a')]]]
  for (let steps = 0; steps < 10; steps++) {
    const memory = allocateCounters({ keys: 1000, workers: 3 })
    const lockstep = new Lockstep(memory, scripts)
    await lockstep.start()
    lockstep.begin()
    for (let step = 0; step < steps && lockstep.able().includes(0); step++) lockstep.step(0)
    // The other comes as far as it can beside what the first has locked.
    for (let step = 0; step < 3 && lockstep.able().includes(1); step++) lockstep.step(1)
    await lockstep.kill(0)
    releaseAfterDeath(memory, 0)
    lockstep.wakeAll()
    for (let able = lockstep.able(); able.length > 0; able = lockstep.able()) lockstep.step(able[0] as number)
    const after = attachCounters(memory, 2)
    const again = after.take([of(one, 'b')], nowMs)
    assert.ok(
      !(again instanceof Promise) && !again.allowed,
      `after ${steps} steps the one token is taken once`,
    )
    await lockstep.stop()
  }
})

test('what a thread has drawn that dies at any step of a take is known as not saved yet', async () => {
  const daily = plan('daily', 2, 86_400)
  const seen = new Set<number | undefined>()
  for (let steps = 0; steps < 5; steps++) {
    const memory = allocateCounters({ keys: 1000, workers: 2 })
    const lockstep = new Lockstep(memory, [[[of(daily, 'a')]]])
    await lockstep.start()
    lockstep.begin()
    const before = attachDesk(memory).longDrawn
    for (let step = 0; step < steps && lockstep.able().includes(0); step++) lockstep.step(0)
    await lockstep.kill(0)
    releaseAfterDeath(memory, 0)
    const { longDrawn } = attachDesk(memory)
    const after = attachCounters(memory, 1).take([{ ...of(daily, 'a'), cost: 0 }], nowMs) as Taken
    const left = after.states[0]?.remaining
    assert.ok(left === 2 || longDrawn !== before, `after ${steps} steps`)
    seen.add(left)
    await lockstep.stop()
  }
  assert.deepEqual(seen, new Set([2, 1]))
})
