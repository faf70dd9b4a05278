import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { codeOfError, OwnError } from '../../base/code-of-error.ts'

/** Signs checkpoints (Ed25519, RFC 8032). */
export interface SigningKey {
  readonly id: string
  /** PEM, SubjectPublicKeyInfo. */
  readonly publicKey: string
  /** Base64url. */
  sign(message: string): string
  /** Key of the hashes of path parameters, derived from the private key (RFC 5869). */
  readonly hashKey: Uint8Array
}

export interface VerifyingKey {
  readonly id: string
  verifies(message: string, signature: string): boolean
}

/** @param pem PKCS #8 @throws Error when it is no Ed25519 key */
export function signingKey(pem: string): SigningKey {
  const key = createPrivateKey(pem)
  if (key.asymmetricKeyType !== 'ed25519') throw new OwnError('the key of the trail is not of type Ed25519')
  const publicKey = createPublicKey(key)
  const seed = Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url')
  return {
    id: idOf(publicKey),
    publicKey: publicKey.export({ format: 'pem', type: 'spki' }) as string,
    sign: (message) => sign(null, Buffer.from(message), key).toString('base64url'),
    hashKey: new Uint8Array(hkdfSync('sha256', seed, '', 'portcullis trail object', 32)),
  }
}

/** @param pem of the public key, or of the private one */
export function verifyingKey(pem: string): VerifyingKey {
  const key = createPublicKey(pem)
  if (key.asymmetricKeyType !== 'ed25519') throw new OwnError('not of type Ed25519')
  return {
    id: idOf(key),
    verifies: (message, signature) =>
      verify(null, Buffer.from(message), key, Buffer.from(signature, 'base64url')),
  }
}

/** The key that is kept in a file; made, mode 0600, where there is none. */
export function keptKey(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new OwnError(`${file}: ${codeOfError(error)}`)
  }
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  try {
    writeFileSync(file, pem, { mode: 0o600, flag: 'wx' })
    return pem
  } catch (error) {
    // Another process of this folder was quicker.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return readFileSync(file, 'utf8')
  }
}

function idOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest('hex')
    .slice(0, 16)
}
