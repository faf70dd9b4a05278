import { type DenialCount, minuteMs, nobody, reasonsOf } from './denial-sieve.ts'
import { quoted } from './entry-text.ts'

/** Entries of counts a day; past them there is one a minute, so that no flood fills the disk. */
const maxDaily = 20_000
const dayMs = 86_400_000
/** So long after its end a minute is waited for: what threads counted in it is on its way. */
const graceMs = 6000

/** Counts of one minute by key. */
type Minute = Map<string, DenialCount>

/**
 * Gathers what all serving threads of a process counted, so that there is one entry for an address and a minute, however many
 * threads it was denied by. What it writes is bounded, whatever comes.
 */
export class DenialTally {
  readonly #minutes = new Map<number, Minute>()
  #day = 0
  #today = 0

  add(counts: readonly DenialCount[]): void {
    for (const { minute, key, reasons, ...whose } of counts) {
      const counted: Minute = this.#minutes.get(minute) ?? new Map()
      this.#minutes.set(minute, counted)
      const into = reasonsOf(counted, minute, key, whose)
      for (const [reason, times] of reasons) into.set(reason, (into.get(reason) ?? 0) + times)
    }
  }

  /** The entries of the minutes that are over; of the current one too when all of it is wanted. */
  over(nowMs: number, all = false): readonly string[] {
    const ended = [...this.#minutes].filter(([minute]) => all || nowMs >= (minute + 1) * minuteMs + graceMs)
    return ended.flatMap(([minute, counted]) => {
      this.#minutes.delete(minute)
      return this.#textsOf(minute, counted, Math.floor(nowMs / dayMs))
    })
  }

  #textsOf(minute: number, counted: Minute, day: number): readonly string[] {
    if (this.#day !== day) this.#today = 0
    this.#day = day
    const own = [...counted.values()].filter(({ key }) => key !== '')
    for (const { key, reasons } of own.slice(Math.max(0, maxDaily - this.#today))) {
      counted.delete(key)
      const others = reasonsOf(counted, minute, '', nobody)
      for (const [reason, times] of reasons) others.set(reason, (others.get(reason) ?? 0) + times)
    }
    this.#today = Math.min(maxDaily, this.#today + own.length)
    return [...counted.values()].map(textOf)
  }
}

function textOf({ minute, address, subject, issuer, reasons }: DenialCount): string {
  let text = `{"kind":"denials","from":"${new Date(minute * minuteMs).toISOString()}"`
  if (address !== null) text += `,"address":${quoted(address)}`
  if (subject !== null) text += `,"subject":${quoted(subject)}`
  if (issuer !== null) text += `,"issuer":${quoted(issuer)}`
  const counts = [...reasons].map(([reason, times]) => `"${reason}":${times}`)
  return `${text},"reasons":{${counts.join(',')}}}`
}
