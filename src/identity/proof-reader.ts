import {
  createHash,
  createHmac,
  createPublicKey,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import { isJsonObject, type JsonObject } from '../base/json.ts'
import type { ProofReader, SignedProof } from '../engine/ports.ts'
import { algorithms } from './algorithms.ts'
import { readJws } from './read-jws.ts'

/** Asymmetric, and what clients use (RFC 9449 4.3, 5). */
const proofAlgorithms: ReadonlySet<string> = new Set(['ES256', 'PS256', 'RS256', 'EdDSA'])
/** Members of a JWK that a public key must not have (RFC 7518 6.2.2, 6.3.2). */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
/** Members that make a key what it is, in the order of RFC 7638 3.2. */
const thumbprintMembers: { readonly [kty: string]: readonly string[] } = {
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  RSA: ['e', 'kty', 'n'],
}
const nonceWindowMs = 300_000
const minRsaBits = 2048
/** ATTACK: the key is the client's own, and one of 3072 bits with an exponent as long takes 10 ms to verify with. */
const maxRsaBits = 4096
const maxRsaExponent = 2n ** 32n

/**
 * Reads DPoP proofs on the platform's own cryptography. A nonce is the keyed hash of the time window it was made in,
 * good in that window and the next, so nothing is stored for it; its key lives as long as the process.
 * @param nonceKey 32 octets, one for all threads of a process
 * @see RFC 9449 4.2, 4.3, 8
 */
export function createProofReader(nonceKey: Uint8Array = randomBytes(32)): ProofReader {
  function nonceOf(window: number): string {
    return createHmac('sha256', nonceKey).update(`dpop-nonce ${window}`).digest('base64url')
  }

  return {
    read: readProof,
    tokenHash: (token) => createHash('sha256').update(token).digest('base64url'),
    nonce: (nowMs) => nonceOf(Math.floor(nowMs / nonceWindowMs)),
    isCurrentNonce(nonce, nowMs) {
      const window = Math.floor(nowMs / nonceWindowMs)
      return [window, window - 1].some((one) => equal(nonce, nonceOf(one)))
    },
  }
}

function readProof(proof: string): SignedProof | string {
  const jws = readJws(proof)
  if (typeof jws === 'string') return jws.replace('the token', 'the proof')
  if (jws.type !== 'dpop+jwt') return 'typ of the proof is not dpop+jwt'
  const { jwk } = jws.header
  if (!isJsonObject(jwk)) return 'the proof holds no key'
  const algorithm = proofAlgorithms.has(jws.algorithm) ? algorithms[jws.algorithm] : undefined
  if (!algorithm) return 'alg of the proof is not one of those allowed'
  if (privateMembers.some((member) => member in jwk)) return 'the proof holds a private key'
  if (!algorithm.fits(jwk)) return 'the key of the proof does not fit its alg'
  const keyThumbprint = thumbprintOf(jwk)
  const key = importKey(jwk)
  if (keyThumbprint === null || key === null) return 'the key of the proof is malformed, weak or oversized'
  if (!algorithm.verify(jws.signed, key, jws.signature)) return 'the signature of the proof is wrong'
  return { keyThumbprint, claims: jws.claims }
}

function importKey(jwk: JsonObject): KeyObject | null {
  try {
    const key = createPublicKey({ key: jwk as Record<string, unknown>, format: 'jwk' })
    const { modulusLength: bits, publicExponent: exponent } = key.asymmetricKeyDetails ?? {}
    if (bits === undefined) return key
    const fit = bits >= minRsaBits && bits <= maxRsaBits && (exponent ?? 0n) < maxRsaExponent
    return fit ? key : null
  } catch {
    return null
  }
}

/** @see RFC 7638 3 */
function thumbprintOf(jwk: JsonObject): string | null {
  const members = typeof jwk.kty === 'string' ? thumbprintMembers[jwk.kty] : undefined
  if (!members?.every((member) => typeof jwk[member] === 'string')) return null
  const canonical = JSON.stringify(Object.fromEntries(members.map((member) => [member, jwk[member]])))
  return createHash('sha256').update(canonical).digest('base64url')
}

function equal(given: string, own: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(own)]
  return one.length === other.length && timingSafeEqual(one, other)
}
