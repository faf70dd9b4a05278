const maxBackOffMs = 60_000
/** A collector that asks for more is not believed: it would be the end of what is sent. */
const maxAskedMs = 600_000

/** When a batch that a collector did not take is tried again. */
export interface Retries {
  /** It is too early for another try. */
  readonly waiting: boolean
  /**
   * @param afterMs what the collector asked for
   * @returns false when it was tried often enough
   */
  later(afterMs: number | null): boolean
  /** The batch is done with, whatever became of it. */
  done(): void
}

export function createRetries(firstPauseMs: number, maxTries: number): Retries {
  let tries = 0
  let waitUntilMs = 0
  return {
    get waiting() {
      return Date.now() < waitUntilMs
    },
    later(afterMs) {
      if (++tries >= maxTries) return false
      // Jitter, so that many gateways do not come back in one instant.
      const backOffMs = Math.min(maxBackOffMs, firstPauseMs * 2 ** (tries - 1)) * (0.75 + Math.random() / 2)
      waitUntilMs = Date.now() + (afterMs === null ? backOffMs : Math.min(afterMs, maxAskedMs))
      return true
    },
    done() {
      tries = 0
      waitUntilMs = 0
    },
  }
}
