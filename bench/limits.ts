import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Draw } from '../src/engine/ports.ts'
import type { LimitPlan } from '../src/program/program.ts'
import { allocateCounters } from '../src/stores/counters-memory.ts'
import { attachCounters, type MemoryCounters } from '../src/stores/memory-counters.ts'
import { saveQuotas } from '../src/stores/quota-file.ts'
import { snapshotQuotas } from '../src/stores/quota-snapshot.ts'
import { type Spread, shown, spreadOf } from './statistics.ts'

interface LimitFigures {
  readonly keys: number
  /** Whether other threads may take as well, so that lines are locked. */
  readonly shared: boolean
  /** One take of one limit, nanoseconds. */
  readonly takeNs: Spread
  /** One take that is denied. */
  readonly deniedNs: Spread
  /** One line out of as much memory as the keys stand in, nanoseconds. */
  readonly lineNs: Spread
  /** Memory of the process above that before, for each live key. */
  readonly bytesPerKey: number
  readonly overflowed: number
}

const takes = 512_000
const batch = 512
const lineBytes = 64
/** As many tokens as never run out here, for one key either: it is the allowed take that is measured. */
const day: LimitPlan = {
  name: 'per-subject',
  by: [{ property: 'subject' }],
  rate: 1_000_000_000,
  windowSeconds: 86_400,
  burst: 1_000_000_000,
  ipv6PrefixBits: 64,
}
const namespace = 'subject https://login.example.com'
const spent: LimitPlan = { ...day, name: 'spent', rate: 1, burst: 1 }

/** Takes of the counters alone, with one live key and with a million, for one thread alone and with locks. */
export async function measureLimits(rounds: number): Promise<readonly LimitFigures[]> {
  const all: LimitFigures[] = []
  for (const shared of [false, true])
    for (const keys of [1, 1_000_000]) {
      const figures = await apart(keys, shared, rounds)
      console.log(
        `limits, ${keys} live ${keys === 1 ? 'key' : 'keys'}, ${shared ? 'with locks' : 'one thread alone'}: a take ${shown(figures.takeNs)} ns, a denied one ${shown(figures.deniedNs)} ns, a line out of as much memory ${shown(figures.lineNs)} ns, ${keys === 1 ? '' : `${figures.bytesPerKey.toFixed(1)} octets a key, `}${figures.overflowed} takes from an overflow bucket`,
      )
      all.push(figures)
    }
  return all
}

async function apart(keys: number, shared: boolean, rounds: number): Promise<LimitFigures> {
  const child = fork(new URL('./takes.ts', import.meta.url), [`${keys}`, `${shared}`, `${rounds}`])
  const figures = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => null)])
  if (figures === null) throw new Error('the process that takes ended without figures')
  return figures[0] as LimitFigures
}

export function measureKeys(keys: number, shared: boolean, rounds: number): LimitFigures {
  const startMs = Date.now()
  const fresh = () => attachCounters(allocateCounters({ workers: 1, alone: !shared }), 0)
  const denying = fresh()
  for (let i = 0; i < keys; i++) void denying.take(drawsOf(spent, i), startMs)
  const before = outsideHeap()
  const counters = fresh()
  for (let i = 0; i < keys; i++) void counters.take(drawsOf(day, i), startMs)
  const bytes = outsideHeap() - before
  const overflowed = counters.countOverflowed()
  const takeNs: number[] = []
  const deniedNs: number[] = []
  const lineNs: number[] = []
  const walk = walkOver(allocateCounters({ keys }).table.lines)
  for (let round = -2; round < rounds; round++) {
    const [taken, denied] = [timed(counters, day, keys, startMs), timed(denying, spent, keys, startMs)]
    const line = walk()
    if (round < 0) continue
    takeNs.push(taken)
    deniedNs.push(denied)
    lineNs.push(line)
  }
  return {
    keys,
    shared,
    takeNs: spreadOf(takeNs),
    deniedNs: spreadOf(deniedNs),
    lineNs: spreadOf(lineNs),
    bytesPerKey: bytes / keys,
    overflowed,
  }
}

/** Saves a million buckets of a day, again and again, as a gateway does: how long that keeps the event loop. */
export async function measureSaving(rounds: number) {
  const memory = allocateCounters()
  const counters = attachCounters(memory, 0)
  for (let i = 0; i < 1_000_000; i++) void counters.take(drawsOf(spent, i), Date.now())
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'))
  const [turns, cpu]: [number[], number[]] = [[], []]
  for (let round = -2; round < rounds; round++) {
    const before = process.cpuUsage()
    const longest = watchTurns()
    const parts = await snapshotQuotas(memory, new Uint8Array(16), Date.now())
    const problem = parts && (await saveQuotas(join(folder, 'quotas.bin'), parts))
    if (problem !== null) throw new Error(problem)
    const turnMs = longest()
    if (round < 0) continue
    const { user, system } = process.cpuUsage(before)
    turns.push(turnMs)
    cpu.push((user + system) / 1000)
  }
  rmSync(folder, { recursive: true })
  const figures = { longestTurnMs: spreadOf(turns), cpuMs: spreadOf(cpu) }
  console.log(
    `limits, 1000000 buckets saved: the longest turn ${shown(figures.longestTurnMs, 1)} ms, CPU ${shown(figures.cpuMs)} ms`,
  )
  return figures
}

/** @returns ends the watch, and tells the longest turn of the event loop since */
function watchTurns(): () => number {
  let [atMs, longestMs, watching] = [performance.now(), 0, true]
  const turn = () => {
    const nowMs = performance.now()
    longestMs = Math.max(longestMs, nowMs - atMs)
    atMs = nowMs
    if (watching) setImmediate(turn)
  }
  setImmediate(turn)
  return () => {
    watching = false
    return longestMs
  }
}

/** Resident memory that is not the heap of V8, where the texts of the keys stand. */
function outsideHeap(): number {
  const { rss, heapTotal } = process.memoryUsage()
  return rss - heapTotal
}

/** Nanoseconds for one take, of keys in no order; the texts are made shortly before, as for a request. */
function timed(counters: MemoryCounters, limit: LimitPlan, keys: number, nowMs: number): number {
  let ms = 0
  for (let from = 0; from < takes; from += batch) {
    const some = Array.from({ length: batch }, (_, i) => drawsOf(limit, nth(from + i) % keys))
    const startedMs = performance.now()
    for (const draws of some) void counters.take(draws, nowMs)
    ms += performance.now() - startedMs
  }
  return (ms / takes) * 1e6
}

/** What this machine's memory takes at the moment: lines in no order, each found by what stands in the one before. */
function walkOver(lines: number): () => number {
  const words = new Int32Array(new SharedArrayBuffer(lines * lineBytes))
  const stride = lineBytes / 4
  for (let line = 0; line < lines; line++) words[line * stride] = line
  // Sattolo's shuffle: one circle through all of them.
  for (let line = lines - 1; line > 0; line--) {
    const other = Math.floor(Math.random() * line) * stride
    const held = words[line * stride] as number
    words[line * stride] = words[other] as number
    words[other] = held
  }
  let at = 0
  return () => {
    const startedMs = performance.now()
    for (let step = 0; step < takes; step++) at = words[at * stride] as number
    return ((performance.now() - startedMs) / takes) * 1e6
  }
}

function drawsOf(limit: LimitPlan, user: number): readonly Draw[] {
  return [{ limit, key: { namespace, name: `user-${user}` }, cost: 1 }]
}

function nth(index: number): number {
  return Math.imul(index, 2_654_435_761) >>> 0
}
