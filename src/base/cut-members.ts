import { pointerStep } from './fault-pointer.ts'

/** Which members are to go, by step of their way: `null` marks the member itself. */
export type Cuts = Map<string, Cuts | null>

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const openObject = 0x7b
const closeObject = 0x7d
const openArray = 0x5b
const closeArray = 0x5d

interface Member {
  readonly start: number
  readonly end: number
  readonly cut: boolean
}

/**
 * Cuts members out of a JSON text as ranges of octets: what stays is the very octets that came, blanks included.
 *
 * @param bytes a JSON text that `readJson` has accepted, so neither its grammar nor its depth is checked again
 * @param cuts never empty; steps as `pointerStep` spells them
 */
export function cutMembers(bytes: Uint8Array, cuts: Cuts): Uint8Array {
  const cutter = new Cutter(bytes)
  cutter.value(0, cuts)
  return cutter.rest()
}

class Cutter {
  readonly #bytes: Buffer
  /** Start, end, start, end … of what goes, ascending. */
  readonly #ranges: number[] = []

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  rest(): Uint8Array {
    const kept: Uint8Array[] = []
    let from = 0
    for (let i = 0; i < this.#ranges.length; i += 2) {
      kept.push(this.#bytes.subarray(from, this.#ranges[i]))
      from = this.#ranges[i + 1] as number
    }
    kept.push(this.#bytes.subarray(from))
    return Buffer.concat(kept)
  }

  /** @returns the place after the value that begins at `at`, blanks before it allowed */
  value(at: number, cuts: Cuts | null): number {
    const start = this.#blanks(at)
    const first = this.#bytes[start]
    if (cuts !== null && first === openObject) return this.#object(start, cuts)
    if (cuts !== null && first === openArray) return this.#array(start, cuts)
    return this.#skip(start)
  }

  #array(open: number, cuts: Cuts): number {
    let at = this.#blanks(open + 1)
    for (let index = 0; this.#bytes[at] !== closeArray; index++) {
      at = this.#blanks(this.value(at, cuts.get(String(index)) ?? null))
      if (this.#bytes[at] === comma) at = this.#blanks(at + 1)
    }
    return at + 1
  }

  #object(open: number, cuts: Cuts): number {
    const members: Member[] = []
    let at = this.#blanks(open + 1)
    while (this.#bytes[at] !== closeObject) {
      const start = at
      const nameEnd = this.#string(start)
      const name = this.#name(start + 1, nameEnd - 1)
      const within = cuts.get(pointerStep(name))
      const end = this.value(this.#blanks(nameEnd) + 1, within ?? null)
      members.push({ start, end, cut: within === null })
      at = this.#blanks(end)
      if (this.#bytes[at] === comma) at = this.#blanks(at + 1)
    }
    if (members.some(({ cut }) => cut)) this.#cut(members)
    return at + 1
  }

  /**
   * A member goes with the comma before it where something before it stays, else with the comma after it.
   * INVARIANT: a member that goes has no ranges within, and those of its siblings are put in order here.
   */
  #cut(members: readonly Member[]): void {
    let stays = false
    for (const [index, { start, end, cut }] of members.entries()) {
      if (!cut) stays = true
      else if (stays) this.#insert((members[index - 1] as Member).end, end)
      else this.#insert(start, members[index + 1]?.start ?? end)
    }
  }

  #insert(start: number, end: number): void {
    let place = this.#ranges.length
    while (place > 0 && (this.#ranges[place - 2] as number) > start) place -= 2
    this.#ranges.splice(place, 0, start, end)
  }

  #name(start: number, end: number): string {
    const written = this.#bytes.toString('utf8', start, end)
    return written.includes('\\') ? (JSON.parse(`"${written}"`) as string) : written
  }

  #blanks(at: number): number {
    let next = at
    while (next < this.#bytes.length && (this.#bytes[next] as number) <= 0x20) next++
    return next
  }

  #string(at: number): number {
    let next = at + 1
    while (this.#bytes[next] !== quote) next += this.#bytes[next] === backslash ? 2 : 1
    return next + 1
  }

  #skip(start: number): number {
    let depth = 0
    let at = start
    while (at < this.#bytes.length) {
      const octet = this.#bytes[at]
      if (octet === quote) {
        at = this.#string(at)
        if (depth === 0) return at
        continue
      }
      if (octet === openObject || octet === openArray) depth++
      else if (octet === closeObject || octet === closeArray) {
        if (depth === 0) return at
        if (--depth === 0) return at + 1
      } else if (depth === 0 && (octet === comma || octet === colon || (octet as number) <= 0x20)) return at
      at++
    }
    return at
  }
}
