import { createHmac } from 'node:crypto'

/** 64 bits: enough to tell tokens apart, too few to be a hash that somebody else would recognize. */
const fingerprintBytes = 8

export type Fingerprint = (token: string) => string

/**
 * Names a token in records. With the key of one process: the same token can be followed through its records, and neither
 * be used nor be recognized elsewhere.
 * @see RFC 2104, RFC 2104 5 (truncated output)
 */
export function createFingerprint(key: Uint8Array): Fingerprint {
  return (token) =>
    createHmac('sha256', key).update(token).digest().subarray(0, fingerprintBytes).toString('hex')
}
