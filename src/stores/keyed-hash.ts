import { randomBytes } from 'node:crypto'

/**
 * HalfSipHash-1-3 with 64 bits: nobody without the secret can craft keys that meet in one place of a table. Not a MAC: as few
 * rounds as Linux takes for keys of hash tables, enough while no digest is ever seen outside. Over the octets of a text in
 * ISO 8859-1; any other is hashed in UTF-16, apart from all those.
 * @see Aumasson and Bernstein, SipHash: a fast short-input PRF
 * @see Linux, Documentation/security/siphash.rst: hsiphash
 */
export class KeyedHash {
  readonly #k0: number
  readonly #k1: number
  /** The two halves of the latest digest, as signed 32-bit integers. */
  low = 0
  high = 0

  /** @param secret 8 octets */
  constructor(secret: Uint8Array = randomBytes(8)) {
    const halves = new DataView(secret.buffer, secret.byteOffset, 8)
    this.#k0 = halves.getInt32(0, true)
    this.#k1 = halves.getInt32(4, true)
  }

  /** A hash of its own, whose secret is the latest digest of this one. */
  derived(): KeyedHash {
    const secret = new DataView(new ArrayBuffer(8))
    secret.setInt32(0, this.low, true)
    secret.setInt32(4, this.high, true)
    return new KeyedHash(new Uint8Array(secret.buffer))
  }

  /** Leaves the digest in `low` and `high`, so that nothing is allocated for it. */
  digest(text: string): void {
    if (!this.#absorb(text, 0)) this.#absorb(Buffer.from(text, 'utf16le').toString('latin1'), 8)
  }

  /** @returns false, and no digest, where a character is wider than an octet */
  #absorb(text: string, apart: number): boolean {
    const { length } = text
    const whole = length & ~3
    let v0 = this.#k0
    let v1 = this.#k1 ^ 0xee
    let v2 = this.#k0 ^ 0x6c796765 ^ apart
    let v3 = this.#k1 ^ 0x74656462
    let all = 0
    // Read one by one: to have them written somewhere first takes longer for a text as short as most names.
    for (let at = 0; at < whole; at += 4) {
      const a = text.charCodeAt(at)
      const b = text.charCodeAt(at + 1)
      const c = text.charCodeAt(at + 2)
      const d = text.charCodeAt(at + 3)
      all |= a | b | c | d
      const word = a | (b << 8) | (c << 16) | (d << 24)
      v3 ^= word
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
      v0 ^= word
    }
    let last = length << 24
    for (let at = whole; at < length; at++) {
      const a = text.charCodeAt(at)
      all |= a
      last |= a << (8 * (at & 3))
    }
    if (all > 0xff) return false
    v3 ^= last
    for (let round = 0; round < 7; round++) {
      if (round === 1) {
        v0 ^= last
        v2 ^= 0xee
      } else if (round === 4) {
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
