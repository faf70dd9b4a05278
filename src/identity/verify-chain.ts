import { X509Certificate } from 'node:crypto'
import { type ReadCertificate, readCertificate } from './read-certificate.ts'

/** A certificate under both of its readings: the platform's for signatures, ours for names and constraints. */
export interface Link {
  readonly certificate: X509Certificate
  readonly read: ReadCertificate
}

/** @throws Error when it is malformed */
export function linkOf(der: Uint8Array): Link {
  return { certificate: new X509Certificate(der), read: readCertificate(der) }
}

/** Extensions whose meaning is looked at, or that mean nothing here (RFC 5280 4.2.1). */
const understood: ReadonlySet<string> = new Set([
  '2.5.29.14', // subject key identifier
  '2.5.29.15', // key usage
  '2.5.29.17', // subject alternative name
  '2.5.29.19', // basic constraints
  '2.5.29.35', // authority key identifier
  '2.5.29.37', // extended key usage
])
const maxDepth = 6

export type Verified =
  | { readonly ok: true; readonly notBeforeMs: number; readonly notAfterMs: number }
  | { readonly ok: false; readonly why: string }

/**
 * Looks for a way from a client's certificate to a configured authority over the certificates that came with it. Times are
 * not judged but given back, so that they can be looked at on every request; revocation is judged apart.
 *
 * A critical extension that is not understood, name constraints among them, ends the way (RFC 5280 4.2).
 * @see RFC 5280 6.1
 */
export function verifyChain(leaf: Link, intermediates: readonly Link[], roots: readonly Link[]): Verified {
  if (!leaf.read.mayClientAuth) return { ok: false, why: 'the certificate is not for client authentication' }
  let current = leaf
  let { notBeforeMs, notAfterMs } = leaf.read
  for (let depth = 0; depth < maxDepth; depth++) {
    if (current.read.critical.some((oid) => !understood.has(oid)))
      return { ok: false, why: 'a certificate has a critical extension that is not understood' }
    const root = roots.find((candidate) => issued(candidate, current, depth))
    const issuer = root ?? intermediates.find((candidate) => issued(candidate, current, depth))
    if (!issuer) return { ok: false, why: 'no configured authority issued the certificate' }
    notBeforeMs = Math.max(notBeforeMs, issuer.read.notBeforeMs)
    notAfterMs = Math.min(notAfterMs, issuer.read.notAfterMs)
    if (root) {
      const foreign = root.read.critical.some((oid) => !understood.has(oid))
      return foreign
        ? { ok: false, why: 'the authority has a critical extension that is not understood' }
        : { ok: true, notBeforeMs, notAfterMs }
    }
    current = issuer
  }
  return { ok: false, why: 'the chain is too long' }
}

/** @param depth certificates of authorities that stand below the issuer already */
function issued(issuer: Link, subject: Link, depth: number): boolean {
  const { authority, pathLength } = issuer.read
  if (!authority || (pathLength !== null && depth > pathLength)) return false
  return (
    subject.certificate.checkIssued(issuer.certificate) &&
    subject.certificate.verify(issuer.certificate.publicKey)
  )
}
