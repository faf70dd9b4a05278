import { generateKeyPairSync, type webcrypto } from 'node:crypto'

/** A private signing key as oidc-provider takes it. */
export interface SigningKey extends webcrypto.JsonWebKey {
  readonly kid: string
  readonly use: 'sig'
  readonly alg: 'ES256'
}

/** The keys of an issuer. All are published; the first signs. */
export interface KeyRing {
  readonly keys: readonly SigningKey[]
}

let made = 0

export function createSigningKey(): SigningKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  made++
  return {
    ...privateKey.export({ format: 'jwk' }),
    kid: `demo-${process.pid}-${made}`,
    use: 'sig',
    alg: 'ES256',
  }
}

/** Publishes one more key, which does not sign yet. */
export function announce(ring: KeyRing, key: SigningKey): KeyRing {
  return { keys: [...ring.keys, key] }
}

/** Lets the newest key sign; the others stay published, for the tokens they signed. */
export function promote({ keys }: KeyRing): KeyRing {
  return { keys: [...keys.slice(-1), ...keys.slice(0, -1)] }
}

/** Withdraws all keys but the one that signs. */
export function withdraw({ keys }: KeyRing): KeyRing {
  return { keys: keys.slice(0, 1) }
}
