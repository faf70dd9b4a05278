import type { SessionEntry, SessionStore, StoreAnswer } from '../engine/session-store.ts'

interface Kept extends SessionEntry {
  readonly goneMs: number
}

const defaultMaxSessions = 100_000
const sweepPerCreate = 8
const done: StoreAnswer = { kind: 'done' }
const refused: StoreAnswer = { kind: 'refused' }
const none = { kind: 'none' } as const

/** Sessions in this process: gone when it ends, and known to no other. Bounded: when it is full, nobody more signs in. */
export function createMemorySessions(maxSessions = defaultMaxSessions): SessionStore {
  const kept = new Map<string, Kept>()
  const keysOf = new Map<string, Set<string>>()
  const claims = new Map<string, number>()
  let cursor = kept.entries()

  return {
    find(key, idleMs, nowMs) {
      const entry = current(key, nowMs)
      if (!entry) return none
      if (idleMs > 0) kept.set(key, { ...entry, goneMs: Math.min(nowMs + idleMs, entry.endsMs) })
      return { kind: 'found', sealed: entry.sealed }
    },
    async create(key, entry, nowMs) {
      sweep(nowMs)
      if (kept.size >= maxSessions) sweepAll(nowMs)
      if (kept.size >= maxSessions) return refused
      kept.set(key, { ...entry, goneMs: Math.min(nowMs + entry.idleMs, entry.endsMs) })
      for (const index of entry.indexes) {
        const keys = keysOf.get(index)
        if (keys) keys.add(key)
        else keysOf.set(index, new Set([key]))
      }
      return done
    },
    async replace(key, { sealed }, nowMs) {
      const entry = current(key, nowMs)
      if (!entry) return refused
      kept.set(key, { ...entry, sealed })
      return done
    },
    async remove(key) {
      forget(key)
      return done
    },
    async removeAll(index) {
      for (const key of keysOf.get(index) ?? []) forget(key)
      return done
    },
    async claim(name, untilMs, nowMs) {
      for (const [other, endsMs] of claims) if (endsMs <= nowMs) claims.delete(other)
      if (claims.has(name)) return refused
      claims.set(name, untilMs)
      return done
    },
    async release(name) {
      claims.delete(name)
    },
    waitingFor: () => null,
    async stop() {},
  }

  function current(key: string, nowMs: number): Kept | null {
    const entry = kept.get(key)
    if (!entry) return null
    if (nowMs < entry.goneMs) return entry
    forget(key)
    return null
  }

  function forget(key: string): void {
    const entry = kept.get(key)
    if (!entry) return
    kept.delete(key)
    for (const index of entry.indexes) {
      const keys = keysOf.get(index)
      keys?.delete(key)
      if (keys?.size === 0) keysOf.delete(index)
    }
  }

  /** Sessions nobody comes back to are forgotten a few at every login, all when there is no room. */
  function sweep(nowMs: number): void {
    for (let i = 0; i < sweepPerCreate; i++) {
      const next = cursor.next()
      if (next.done) {
        cursor = kept.entries()
        return
      }
      if (next.value[1].goneMs <= nowMs) forget(next.value[0])
    }
  }

  function sweepAll(nowMs: number): void {
    for (const [key, { goneMs }] of kept) if (goneMs <= nowMs) forget(key)
  }
}
