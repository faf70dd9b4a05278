import type { ReplayMemory } from '../engine/ports.ts'

const defaultMaxKept = 100_000

/**
 * Remembers in this process what was used, until it is refused for its age anyway. Bounded: when it is full of what must
 * still be remembered, nothing more is let in, because forgetting would open a door (RFC 9449 11.1).
 */
export function createMemoryReplays(maxKept = defaultMaxKept): ReplayMemory {
  const kept = new Map<string, number>()

  /** What is kept comes in the order of its use, which is about that of its end. */
  function forgetEnded(nowMs: number): void {
    for (const [key, untilMs] of kept) {
      if (untilMs > nowMs) return
      kept.delete(key)
    }
  }

  function forgetAllEnded(nowMs: number): void {
    for (const [key, untilMs] of kept) if (untilMs <= nowMs) kept.delete(key)
  }

  return {
    use(key, untilMs, nowMs) {
      forgetEnded(nowMs)
      if (kept.has(key)) return 'again'
      if (kept.size >= maxKept) forgetAllEnded(nowMs)
      if (kept.size >= maxKept) return 'full'
      kept.set(key, untilMs)
      return 'first'
    },
  }
}
