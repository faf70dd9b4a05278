/** How long first sights may keep any turn of the event loop: about five signatures of RS256, two of ES256. */
const budgetMs = 0.25
/** And how long a turn in which all else took as long: where there is much to do, they get half of the time, not less and less of it. */
const maxShareMs = 2
/** What the rest of a request takes in the turn in which it need not wait any more. */
const followUpMs = 0.1
/** Beyond it they wait longer than is worth waiting for: some 300 ms. */
const maxWaiting = 2048

/** Tokens that nobody has seen before, and what it takes to know them. Looks are synchronous and never throw. */
export interface FirstSights {
  /** @returns what was found, at once or in a later turn, in the order of asking; null when too many wait */
  take<T>(look: () => T): T | Promise<T> | null
  /** Never at once: for those that something released all together. Null when too many wait. */
  queue<T>(look: () => T): Promise<T> | null
}

/**
 * Bounds what first sights take of one turn of the event loop, so that requests whose credentials are known pass between
 * those of others (attack: a flood of tokens that all have to be verified).
 *
 * What is over the budget waits in one queue, drained once a turn after the sockets were looked at, for at least the budget
 * and at most as long as those took. At least one a turn is taken, however long it is. One for a thread: its turns are shared by
 * all verifiers.
 */
export function createFirstSights(
  budget = budgetMs,
  bound = maxWaiting,
  clock: () => number = () => performance.now(),
): FirstSights {
  const waiting: (() => void)[] = []
  let spentMs = 0
  let armed = false
  let armedMs = 0

  function arm(): void {
    if (armed) return
    armed = true
    armedMs = clock()
    setImmediate(turn)
  }

  function turn(): void {
    armed = false
    const othersMs = clock() - armedMs - spentMs
    const share = Math.max(budget, Math.min(othersMs, maxShareMs))
    spentMs = 0
    while (spentMs < share) {
      const first = waiting.shift()
      if (!first) break
      first()
      spentMs += followUpMs
    }
    if (spentMs > 0) arm()
  }

  function timed<T>(look: () => T): T {
    const startedMs = clock()
    const found = look()
    spentMs += clock() - startedMs
    return found
  }

  function queue<T>(look: () => T): Promise<T> | null {
    arm()
    if (waiting.length >= bound) return null
    return new Promise((resolve) => waiting.push(() => resolve(timed(look))))
  }

  return {
    take<T>(look: () => T): T | Promise<T> | null {
      if (waiting.length > 0 || spentMs >= budget) return queue(look)
      arm()
      return timed(look)
    },
    queue,
  }
}

/** The one of this thread. */
export const firstSights: FirstSights = createFirstSights()
