import { createPublicKey, type KeyObject } from 'node:crypto'
import { isJsonObject } from '../base/json.ts'
import { algorithms } from './algorithms.ts'

/** A verification key of one issuer. */
export interface IssuerKey {
  readonly keyId: string | null
  readonly key: KeyObject
  /** Algorithms the key is fit for by its type, and by its own `alg` when it names one. */
  readonly algorithms: ReadonlySet<string>
}

export interface KeySet {
  readonly keys: readonly IssuerKey[]
  readonly byId: ReadonlyMap<string, readonly IssuerKey[]>
  /** Why keys were left out, for the operator. */
  readonly skipped: readonly string[]
}

const maxKeys = 100
const minRsaBits = 2048

/**
 * Reads a JWK Set. Keys that are not for signatures, are weak, private or shared are left out; a set without any
 * usable key is none.
 * @returns why it is none, as a text, otherwise
 * @see RFC 7517 5, RFC 8725 3.5
 */
export function readKeySet(document: unknown): KeySet | string {
  if (!isJsonObject(document) || !Array.isArray(document.keys)) return 'the key set has no keys'
  if (document.keys.length > maxKeys) return `the key set holds over ${maxKeys} keys`
  const keys: IssuerKey[] = []
  const skipped: string[] = []
  for (const jwk of document.keys as readonly unknown[]) {
    const key = readKey(jwk)
    if (typeof key === 'string') skipped.push(key)
    else keys.push(key)
  }
  if (keys.length === 0) return `the key set holds no usable key (${skipped.join(', ') || 'it is empty'})`
  return { keys, byId: byId(keys), skipped }
}

function readKey(jwk: unknown): IssuerKey | string {
  if (!isJsonObject(jwk)) return 'a key is no object'
  const { kid, use, alg, key_ops: operations } = jwk
  if (kid !== undefined && typeof kid !== 'string') return 'a kid is not a text'
  if (use !== undefined && use !== 'sig') return 'a key is not for signatures'
  if (Array.isArray(operations) && !operations.includes('verify')) return 'a key is not for verification'
  if ('d' in jwk || 'k' in jwk) return 'a key is private or shared'
  const fitting = Object.keys(algorithms).filter(
    (name) => (alg === undefined || alg === name) && algorithms[name]?.fits(jwk),
  )
  if (fitting.length === 0) return 'a key is of no known type or algorithm'
  try {
    const key = createPublicKey({ key: jwk as Record<string, unknown>, format: 'jwk' })
    const bits = key.asymmetricKeyDetails?.modulusLength
    if (bits !== undefined && bits < minRsaBits) return 'an RSA key is shorter than 2048 bits'
    return { keyId: kid ?? null, key, algorithms: new Set(fitting) }
  } catch {
    return 'a key is malformed'
  }
}

function byId(keys: readonly IssuerKey[]): ReadonlyMap<string, readonly IssuerKey[]> {
  const map = new Map<string, IssuerKey[]>()
  for (const key of keys) {
    if (key.keyId === null) continue
    map.set(key.keyId, [...(map.get(key.keyId) ?? []), key])
  }
  return map
}
