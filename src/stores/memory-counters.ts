import { threadId } from 'node:worker_threads'
import { holdBack } from '../engine/limit/back-off.ts'
import {
  type Drawn,
  draw,
  heldBackUntilMs,
  isLong,
  maxBehindMs,
  type Pace,
  paceOf,
  peek,
} from '../engine/limit/draw.ts'
import type { BucketState, Counters, Draw, Taken } from '../engine/ports.ts'
import type { LimitPlan } from '../program/program.ts'
import { BucketTable, indexOf, type Region, slotsPerLine } from './bucket-table.ts'
import { allocateCounters, attachDesk, type CountersMemory } from './counters-memory.ts'
import { KeyedHash } from './keyed-hash.ts'
import { LimitLines } from './limit-lines.ts'
import { LineLocks, type LockAtomics, noLocks } from './line-locks.ts'
import { WarningTable } from './warning-table.ts'

export interface LocalCounters extends Counters {
  take(draws: readonly Draw[], nowMs: number): Taken
  /** Answers as `take` would, to those it denies with the same hints, and takes nothing. */
  ask(draws: readonly Draw[], nowMs: number): Taken
}

export interface MemoryCounters extends LocalCounters {
  /** Takes of all threads that had to share an overflow bucket, because there was no room beside callers being held back. */
  countOverflowed(): number
  /** Buckets that are not full at a time. Looks at all of them. */
  countLive(atMs: number): Promise<number>
}

/** A limit as this thread knows it. */
interface Known {
  /** With a secret of its own. */
  readonly hash: KeyedHash
  readonly line: number
  /** Of the names in each namespace, again with secrets of their own: what they have in common is not hashed for each take. */
  readonly namespaces: Map<string, KeyedHash>
}

/** Where one draw of a take stands. Kept and written anew by each take: a take is the hot path. */
interface Place {
  limit: LimitPlan | null
  pace: Pace
  /** The line of the limit. */
  limitLine: number
  namespace: string
  hash: KeyedHash | null
  region: Region
  digest: number
  tag: number
  one: number
  /** Written once it is needed. */
  other: number
  /** Whether both lines were locked. */
  both: boolean
  /** Means nothing: loads whose values go nowhere would be left out. */
  fetched: number
  slot: number
  // What the draw came to, as plain numbers: an object in here would cost each take an entry in the collector's books.
  allowed: boolean
  fullAtMs: number
  remaining: number
  resetMs: number
  retryMs: number
}

// A constant of this module alone: V8 looks up an imported one each time, and this is the hot path.
const slots = slotsPerLine
/** More namespaces of one limit than issuers are trusted. */
const maxNamespaces = 1024

/** Counters of one thread alone. @param keys live buckets at a time, beyond which it becomes likely that some share */
export function createMemoryCounters(keys?: number): MemoryCounters {
  return attachCounters(allocateCounters({ workers: 1, alone: true, ...(keys !== undefined && { keys }) }), 0)
}

/**
 * Token buckets in memory that threads share: exact under any interleaving, all or nothing over several draws.
 *
 * Bounded: a bucket that is full again makes room; where all that could be given away hold somebody back, newcomers share
 * one bucket a limit instead of pushing anyone out.
 *
 * @param worker number of this thread, of no other that lives
 * @throws Error where another thread has the memory to itself
 */
export function attachCounters(
  memory: CountersMemory,
  worker: number,
  atomics?: LockAtomics,
): MemoryCounters {
  const words = new Int32Array(memory.table.buckets)
  const table = new BucketTable(memory.table)
  const warnings = new WarningTable(memory.table.warnings)
  const desk = attachDesk(memory)
  const setBack = desk.setBackMs
  const latest = desk.latestMs
  const longDrawn = desk.longDrawnOf(worker)
  const { onlyThread } = memory
  if (onlyThread !== null && onlyThread !== threadId)
    throw new Error('these counters are those of another thread alone')
  const locks = onlyThread === null ? new LineLocks(words, desk.noteOf(worker), worker, atomics) : noLocks
  const limitLines = new LimitLines(table, words, locks)
  let hash: KeyedHash | null = null
  const limits = new Map<string, Known>()
  const places: Place[] = []
  /** Instants are kept as milliseconds since the first take: of those since 1970 a double keeps no microseconds. */
  let epochMs: number | null = null

  return {
    take(draws, atMs) {
      const cameMs = sinceEpoch(atMs)
      const long = aim(draws, cameMs)
      try {
        return settle(draws, lockAll(draws.length, cameMs), false)
      } finally {
        // Before it is unlocked: whose take was cut short still has its lines noted, see `releaseAfterDeath`.
        if (long) longDrawn[0] = ((longDrawn[0] as number) + 1) | 0
        locks.unlock()
      }
    },
    ask(draws, atMs) {
      const cameMs = sinceEpoch(atMs)
      aim(draws, cameMs)
      try {
        return settle(draws, lockAll(draws.length, cameMs), true)
      } finally {
        locks.unlock()
      }
    },
    mayDeny(limit, atMs) {
      return limitLines.holdsBack(knownOf(limit).line, sinceEpoch(atMs))
    },
    // A method each: with a getter among its members V8 looks up every one of them in a table.
    countLive: (atMs) => table.countLive(sinceEpoch(atMs)),
    countOverflowed: () => desk.overflowed,
  }

  function sinceEpoch(atMs: number): number {
    epochMs ??= desk.epochMs(atMs)
    const setBackMs = setBack[0] as number
    if (setBackMs === 0) return atMs - epochMs
    // A request that came before the clock was set back did not come in the future.
    return Math.min(atMs, Date.now()) - epochMs + setBackMs
  }

  /**
   * INVARIANT: with its lines locked, no take is earlier than one that had any of them before. Another thread's request may have
   * come a moment later and drawn first: a bucket that was full then has no less to give to this one, and one that was given
   * away because it was full again, no more.
   */
  function notBefore(cameMs: number): number {
    const whole = cameMs | 0
    // What whoever had the lines noted is seen since they are locked.
    let seen = latest[0] as number
    while (seen !== whole) {
      // Of 32 bits each, around which both go: where nobody drew for weeks, seen may be anything.
      const behindMs = (seen - whole) | 0
      if (behindMs > 0 && behindMs <= maxBehindMs) return cameMs + behindMs
      const found = Atomics.compareExchange(latest, 0, seen, whole)
      if (found === seen) break
      seen = found
    }
    return cameMs
  }

  /** @returns whether one of the limits is long */
  function aim(draws: readonly Draw[], nowMs: number): boolean {
    let long = false
    for (let nth = 0; nth < draws.length; nth++) {
      const { limit, key } = draws[nth] as Draw
      const place = placeAt(nth, limit, key.namespace)
      if (place.region === 1) long = true
      const hash = place.hash as KeyedHash
      hash.digest(key.name)
      place.digest = hash.low
      place.tag = hash.high || 1
      place.one = table.lineOf(place.region, hash.low)
      // A processor that waits for one line goes on to fetch the others: those of other draws, and what a denial reads.
      if (limitLines.seemsToHoldBack(place.limitLine, nowMs))
        place.fetched = warnings.fetch(place.one * slots, slots)
      place.both = false
      place.slot = table.find(place.one, place.tag)
      if (place.slot < 0) needBoth(place)
    }
    return long
  }

  function needBoth(place: Place): void {
    place.both = true
    // Another line for each of the keys that share the first.
    place.other = table.lineOf(place.region, Math.imul(place.digest, 0x9e3779b1))
  }

  /** Locks the lines of all draws, and finds or gives each its slot. @returns the instant of the take */
  function lockAll(count: number, cameMs: number): number {
    let moved: boolean
    let nowMs: number
    do {
      for (let nth = 0; nth < count; nth++) {
        const { one, other, both } = places[nth] as Place
        locks.want(one)
        if (both) locks.want(other)
      }
      locks.lock()
      nowMs = notBefore(cameMs)
      moved = false
      for (let nth = 0; nth < count; nth++) if (!find(places[nth] as Place, nowMs)) moved = true
      if (moved) locks.unlock()
    } while (moved)
    let crowded = false
    for (let nth = 0; nth < count; nth++) {
      const place = places[nth] as Place
      if (place.slot >= 0) continue
      place.slot = place.limitLine * 8
      locks.want(place.limitLine)
      desk.countOverflow()
      crowded = true
    }
    if (!crowded) return nowMs
    locks.lock()
    return notBefore(cameMs)
  }

  /** @returns false when it is not where it seemed to be, so that both lines must be locked */
  function find(place: Place, nowMs: number): boolean {
    const { one, tag } = place
    place.slot = table.take(one, tag, place.slot, nowMs)
    if (place.slot >= 0) return true
    if (!place.both) {
      needBoth(place)
      return false
    }
    place.slot = table.take(place.other, tag, -1, nowMs)
    if (place.slot >= 0) return true
    place.slot = table.claim(one, place.other, tag, nowMs)
    if (place.slot >= 0) warnings.forget(indexOf(place.slot))
    return true
  }

  function settle(draws: readonly Draw[], nowMs: number, only: boolean): Taken {
    let allowed = true
    for (let nth = 0; nth < draws.length; nth++) if (!judge(nth, draws, nowMs)) allowed = false
    const takes = allowed && !only
    // Mostly one: an array that is written with its member takes the room of one.
    const states = draws.length === 0 ? [] : [settled(0, draws, takes, nowMs)]
    for (let nth = 1; nth < draws.length; nth++) states.push(settled(nth, draws, takes, nowMs))
    return { allowed, states }
  }

  function judge(nth: number, draws: readonly Draw[], nowMs: number): boolean {
    const place = places[nth] as Place
    const { cost } = draws[nth] as Draw
    const { allowed, fullAtMs, remaining, resetMs, retryMs } = draw(
      table.fullAtMs(place.slot),
      place.pace,
      cost,
      nowMs,
    )
    place.allowed = allowed
    place.fullAtMs = fullAtMs
    place.remaining = remaining
    place.resetMs = resetMs
    place.retryMs = retryMs
    return allowed
  }

  /** All or nothing: where one limit denies, no other is charged. */
  function settled(nth: number, draws: readonly Draw[], takes: boolean, nowMs: number): BucketState {
    const place = places[nth] as Place
    const { cost } = draws[nth] as Draw
    if (!place.allowed) return deny(place, nowMs)
    if (!takes) return stateOf(peek(table.fullAtMs(place.slot), place.pace, nowMs), 0)
    if (cost > 0) charge(place)
    return stateOf(place, 0)
  }

  function charge(place: Place): void {
    noteHeldBack(place)
    table.fill(place.slot, place.fullAtMs)
  }

  /** Noted here as well: what it owes may be from a time when the limit held more, and held nobody back for it. */
  function deny(place: Place, nowMs: number): BucketState {
    noteHeldBack(place)
    const index = indexOf(place.slot)
    const held = holdBack(warnings.read(index, nowMs), place.retryMs, nowMs)
    warnings.write(index, held)
    return stateOf(place, held.toldAtMs + held.waitMs - nowMs)
  }

  function noteHeldBack({ limitLine, fullAtMs, remaining, pace }: Place): void {
    if (remaining === 0) limitLines.noteHeldBack(limitLine, heldBackUntilMs(fullAtMs, pace))
  }

  function knownOf({ name }: LimitPlan): Known {
    const found = limits.get(name)
    if (found) return found
    hash ??= new KeyedHash(memory.secret)
    hash.digest(name)
    const known = {
      hash: hash.derived(),
      line: limitLines.lineOf(hash.low, hash.high),
      namespaces: new Map<string, KeyedHash>(),
    }
    limits.set(name, known)
    return known
  }

  function hashOf({ hash, namespaces }: Known, namespace: string): KeyedHash {
    const found = namespaces.get(namespace)
    if (found) return found
    hash.digest(namespace)
    const made = hash.derived()
    if (namespaces.size >= maxNamespaces) namespaces.clear()
    namespaces.set(namespace, made)
    return made
  }

  /** The limits of an operation come in the same order each time: mostly the place is for the same as before. */
  function placeAt(nth: number, limit: LimitPlan, namespace: string): Place {
    const place = places[nth] ?? { ...nowhere }
    if (place.limit === limit && place.namespace === namespace) return place
    const known = knownOf(limit)
    place.limit = limit
    place.pace = paceOf(limit)
    place.limitLine = known.line
    place.namespace = namespace
    place.hash = hashOf(known, namespace)
    place.region = isLong(limit) ? 1 : 0
    places[nth] = place
    return place
  }
}

/** Fractions where numbers are: V8 keeps such members as doubles in place, and allocates nothing when they change. */
const nowhere: Place = {
  limit: null,
  pace: { tokenMs: 0.5, capacityMs: 0.5, slackMs: 0.5, overdraws: false },
  limitLine: 0,
  namespace: '',
  hash: null,
  region: 0,
  digest: 0,
  tag: 0,
  one: 0,
  other: 0,
  both: false,
  fetched: 0,
  slot: 0,
  allowed: true,
  fullAtMs: 0.5,
  remaining: 0,
  resetMs: 0.5,
  retryMs: 0.5,
}

function stateOf(
  { remaining, resetMs, retryMs }: Pick<Drawn, 'remaining' | 'resetMs' | 'retryMs'>,
  backOffMs: number,
): BucketState {
  return { remaining, resetMs, retryMs, backOffMs }
}
