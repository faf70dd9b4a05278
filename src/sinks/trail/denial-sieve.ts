import type { DenialEntry } from '../../engine/record/trail-entry.ts'
import { quoted } from './entry-text.ts'

const minuteMs = 60_000
/** Denials of one principal a minute that stand on the trail one by one; more of them are counted. */
const maxSingle = 60
/** Addresses and principals a minute of which there is an entry; all others share one. */
const maxKeys = 256
/** Such entries a day; past them there is one a minute, so that no flood fills the disk. */
const maxDaily = 20_000
const dayMs = 86_400_000

interface Counted {
  /** Null for what is shared by all others. */
  readonly address: string | null
  readonly subject: string | null
  readonly issuer: string | null
  readonly reasons: Map<string, number>
}

/**
 * What of the denials stands on the trail one by one, and what is counted: a known principal's first ones of a minute
 * singly, all others by address and minute. What it writes is bounded, whatever comes.
 */
export class DenialSieve {
  #minute = 0
  #day = 0
  #today = 0
  readonly #singles = new Map<string, number>()
  readonly #counted = new Map<string, Counted>()
  #others: Counted | null = null

  /**
   * @param known whether its credentials hold
   * @returns whether the denial is to be written as it is; else it was counted
   */
  take(entry: DenialEntry, known: boolean): boolean {
    const { subject, issuer, client, keyId, address } = entry
    const key = known ? `${issuer}\n${subject}\n${client}\n${keyId}` : address
    if (known) {
      const times = (this.#singles.get(key) ?? 0) + 1
      if (times <= maxSingle && (times > 1 || this.#singles.size < maxKeys * 16)) {
        this.#singles.set(key, times)
        return true
      }
    }
    const counted = this.#countedFor(
      key,
      known ? { address: null, subject, issuer } : { address, subject: null, issuer: null },
    )
    counted.reasons.set(entry.denial.reason, (counted.reasons.get(entry.denial.reason) ?? 0) + 1)
    return false
  }

  /** The entries of the minutes that are over; of the current one too when all of it is wanted. */
  over(nowMs: number, all = false): readonly string[] {
    const minute = Math.floor(nowMs / minuteMs)
    if (minute === this.#minute && !all) return []
    const from = this.#minute * minuteMs
    this.#minute = minute
    this.#singles.clear()
    if (this.#day !== Math.floor(nowMs / dayMs)) {
      this.#day = Math.floor(nowMs / dayMs)
      this.#today = 0
    }
    const texts: string[] = []
    for (const counted of this.#counted.values()) {
      if (this.#today < maxDaily) {
        this.#today++
        texts.push(textOf(counted, from))
      } else for (const [reason, times] of counted.reasons) this.#countOther(reason, times)
    }
    if (this.#others) texts.push(textOf(this.#others, from))
    this.#counted.clear()
    this.#others = null
    return texts
  }

  #countedFor(key: string, whose: Omit<Counted, 'reasons'>): Counted {
    const known = this.#counted.get(key)
    if (known) return known
    if (this.#counted.size >= maxKeys) {
      this.#others ??= { address: null, subject: null, issuer: null, reasons: new Map() }
      return this.#others
    }
    const counted = { ...whose, reasons: new Map<string, number>() }
    this.#counted.set(key, counted)
    return counted
  }

  #countOther(reason: string, times: number): void {
    this.#others ??= { address: null, subject: null, issuer: null, reasons: new Map() }
    this.#others.reasons.set(reason, (this.#others.reasons.get(reason) ?? 0) + times)
  }
}

function textOf({ address, subject, issuer, reasons }: Counted, fromMs: number): string {
  let text = `{"kind":"denials","from":"${new Date(fromMs).toISOString()}"`
  if (address !== null) text += `,"address":${quoted(address)}`
  if (subject !== null) text += `,"subject":${quoted(subject)}`
  if (issuer !== null) text += `,"issuer":${quoted(issuer)}`
  const counts = [...reasons].map(([reason, times]) => `"${reason}":${times}`)
  return `${text},"reasons":{${counts.join(',')}}}`
}
