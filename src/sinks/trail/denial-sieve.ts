import type { DenialEntry } from '../../engine/record/trail-entry.ts'

export const minuteMs = 60_000
/** Denials of one principal a minute that stand on the trail one by one; more of them are counted. */
const maxSingle = 60
/** Addresses and principals of which there is a count of their own; all others share one. */
const maxKeys = 256

/** Whom a count is of; all null for what is shared by all others. */
export interface Counted {
  readonly address: string | null
  readonly subject: string | null
  readonly issuer: string | null
}

/** How often one was denied in a minute, by reason. Plain data that crosses threads. */
export interface DenialCount extends Counted {
  /** Since the epoch. */
  readonly minute: number
  /** Tells apart whom it is of; empty for all others. */
  readonly key: string
  readonly reasons: Map<string, number>
}

/**
 * What of the denials of one thread stands on the trail one by one, and what is counted: a known principal's first ones of a
 * minute singly, all others by address and minute. What it holds is bounded, whatever comes.
 */
export class DenialSieve {
  #minute = 0
  readonly #singles = new Map<string, number>()
  #counted = new Map<string, DenialCount>()

  constructor(nowMs: number) {
    this.#minute = Math.floor(nowMs / minuteMs)
  }

  /**
   * @param known whether its credentials hold
   * @returns whether the denial is to be written as it is; else it was counted
   */
  take(entry: DenialEntry, known: boolean): boolean {
    const { subject, issuer, client, keyId } = entry.caller
    const { address } = entry
    const key = known ? `${issuer}\n${subject}\n${client}\n${keyId}` : address
    if (known) {
      const times = (this.#singles.get(key) ?? 0) + 1
      if (times <= maxSingle && (times > 1 || this.#singles.size < maxKeys * 16)) {
        this.#singles.set(key, times)
        return true
      }
    }
    const reasons = reasonsOf(
      this.#counted,
      this.#minute,
      key,
      known ? { address: null, subject, issuer } : { address, subject: null, issuer: null },
    )
    reasons.set(entry.denial.reason, (reasons.get(entry.denial.reason) ?? 0) + 1)
    return false
  }

  /** Hands over what was counted since the last time, which is called often enough for the minute to be known. */
  drain(nowMs: number): readonly DenialCount[] {
    const counted = [...this.#counted.values()]
    this.#counted = new Map()
    const minute = Math.floor(nowMs / minuteMs)
    if (minute !== this.#minute) this.#singles.clear()
    this.#minute = minute
    return counted
  }
}

export const nobody: Counted = { address: null, subject: null, issuer: null }

/** Where the denials of one key are counted; beyond `maxKeys` all others share one place. */
export function reasonsOf(
  counts: Map<string, DenialCount>,
  minute: number,
  key: string,
  whose: Counted,
): Map<string, number> {
  const known = counts.get(key)
  if (known) return known.reasons
  if (counts.size >= maxKeys && key !== '') return reasonsOf(counts, minute, '', nobody)
  const reasons = new Map<string, number>()
  counts.set(key, { ...whose, minute, key, reasons })
  return reasons
}
