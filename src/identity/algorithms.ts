import { constants, type KeyObject, verify } from 'node:crypto'
import { derSignature } from './der-signature.ts'

/** How an algorithm of RFC 7518 or RFC 8037 verifies, and which keys are fit for it. */
export interface Algorithm {
  /** `kty` and, where there is one, `crv` of its keys. */
  readonly fits: (jwk: { readonly kty?: unknown; readonly crv?: unknown }) => boolean
  readonly verify: (signed: Buffer, key: KeyObject, signature: Buffer) => boolean
}

const rsa = (digest: string): Algorithm => ({
  fits: ({ kty }) => kty === 'RSA',
  verify: (signed, key, signature) =>
    verify(digest, signed, { key, padding: constants.RSA_PKCS1_PADDING }, signature),
})

const pss = (digest: string, saltLength: number): Algorithm => ({
  fits: ({ kty }) => kty === 'RSA',
  verify: (signed, key, signature) =>
    verify(digest, signed, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature),
})

const ecdsa = (digest: string, curve: string, signatureBytes: number): Algorithm => ({
  fits: ({ kty, crv }) => kty === 'EC' && crv === curve,
  verify: (signed, key, signature) =>
    signature.length === signatureBytes && verify(digest, signed, key, derSignature(signature)),
})

/**
 * The algorithms a gateway may be configured for. The token's `alg` is compared with this table and the key's own
 * type, and never chooses how a key is used (RFC 8725 3.1; attacks A1 to A4).
 */
export const algorithms: { readonly [name: string]: Algorithm } = Object.assign(Object.create(null), {
  RS256: rsa('sha256'),
  RS384: rsa('sha384'),
  RS512: rsa('sha512'),
  PS256: pss('sha256', 32),
  PS384: pss('sha384', 48),
  PS512: pss('sha512', 64),
  ES256: ecdsa('sha256', 'P-256', 64),
  ES384: ecdsa('sha384', 'P-384', 96),
  ES512: ecdsa('sha512', 'P-521', 132),
  EdDSA: {
    fits: ({ kty, crv }) => kty === 'OKP' && crv === 'Ed25519',
    verify: (signed, key, signature) => signature.length === 64 && verify(null, signed, key, signature),
  },
} satisfies { readonly [name: string]: Algorithm })
