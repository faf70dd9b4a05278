import { randomBytes } from 'node:crypto'

/**
 * HalfSipHash-2-4 with 64 bits: nobody without the secret can craft keys that meet in one place of a table. Over the octets
 * of a text in ISO 8859-1; a text beyond it is hashed in UTF-16, apart from all others.
 * @see Aumasson and Bernstein, SipHash: a fast short-input PRF
 */
export class KeyedHash {
  readonly #k0: number
  readonly #k1: number
  /** The two halves of the latest digest, as signed 32-bit integers. */
  low = 0
  high = 0

  /** @param secret 8 octets */
  constructor(secret: Uint8Array = randomBytes(8)) {
    const words = new DataView(secret.buffer, secret.byteOffset, 8)
    this.#k0 = words.getInt32(0, true)
    this.#k1 = words.getInt32(4, true)
  }

  /** Leaves the digest in `low` and `high`, so that nothing is allocated for it. */
  digest(text: string): void {
    if (!this.#digest(text, 4, 8)) this.#digest(text, 2, 16)
  }

  /** @returns false when a character does not fit into so many bits; nothing is digested then */
  #digest(text: string, perWord: 2 | 4, bits: 8 | 16): boolean {
    const { length } = text
    const whole = length - (length % perWord)
    let v0 = this.#k0
    let v1 = this.#k1 ^ 0xee
    let v2 = this.#k0 ^ 0x6c796765 ^ (bits - 8)
    let v3 = this.#k1 ^ 0x74656462
    let seen = 0
    for (let at = 0; at < whole; at += perWord) {
      let word = text.charCodeAt(at)
      if (bits === 8) {
        const second = text.charCodeAt(at + 1)
        const third = text.charCodeAt(at + 2)
        const fourth = text.charCodeAt(at + 3)
        seen |= word | second | third | fourth
        word |= (second << 8) | (third << 16) | (fourth << 24)
      } else word |= text.charCodeAt(at + 1) << 16
      v3 ^= word
      for (let round = 0; round < 2; round++) {
        v0 = (v0 + v1) | 0
        v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
        v0 = (v0 << 16) | (v0 >>> 16)
        v2 = (v2 + v3) | 0
        v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
        v0 = (v0 + v3) | 0
        v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
        v2 = (v2 + v1) | 0
        v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
        v2 = (v2 << 16) | (v2 >>> 16)
      }
      v0 ^= word
    }
    let last = ((length * bits) / 8) << 24
    for (let at = whole; at < length; at++) {
      const code = text.charCodeAt(at)
      seen |= code
      last |= code << ((at - whole) * bits)
    }
    if (bits === 8 && seen > 0xff) return false
    v3 ^= last
    for (let round = 0; round < 10; round++) {
      if (round === 2) {
        v0 ^= last
        v2 ^= 0xee
      } else if (round === 6) {
        this.low = v1 ^ v3
        v1 ^= 0xdd
      }
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
    }
    this.high = v1 ^ v3
    return true
  }
}
