import { createHash } from 'node:crypto'
// The library registers its parts by reflection.
import 'reflect-metadata'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type Name,
  SubjectAlternativeNameExtension,
  X509Certificate,
} from '@peculiar/x509'
import type { ClientCertificate } from '../engine/ports.ts'

/** What path validation looks at beside signatures (RFC 5280 6.1). */
export interface CertificateFacts {
  readonly authority: boolean
  /** Certificates that may stand between it and the client's; null: any number. */
  readonly pathLength: number | null
  readonly mayClientAuth: boolean
  /** OIDs of extensions that must be understood (RFC 5280 4.2). */
  readonly critical: readonly string[]
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

export interface ReadCertificate extends CertificateFacts {
  readonly names: ClientCertificate['names']
  readonly subject: string
  readonly issuer: string
  readonly serial: string
  readonly thumbprint: string
}

const clientAuth = '1.3.6.1.5.5.7.3.2'
const anyUsage = '2.5.29.37.0'

/**
 * Reads a certificate from its octets; names come out of the encoding and never out of a text of them (attack E4).
 * @throws Error when it is malformed
 */
export function readCertificate(der: Uint8Array): ReadCertificate {
  const certificate = new X509Certificate(Buffer.from(der))
  const constraints = certificate.getExtension(BasicConstraintsExtension)
  const usages = certificate.getExtension(KeyUsagesExtension)
  const extended = certificate.getExtension(ExtendedKeyUsageExtension)?.usages.map(String)
  const signs = !usages || (usages.usages & KeyUsageFlags.keyCertSign) !== 0
  return {
    authority: constraints?.ca === true && signs,
    pathLength: constraints?.pathLength ?? null,
    mayClientAuth: !extended || extended.includes(clientAuth) || extended.includes(anyUsage),
    critical: certificate.extensions.filter(({ critical }) => critical).map(({ type }) => type),
    notBeforeMs: certificate.notBefore.getTime(),
    notAfterMs: certificate.notAfter.getTime(),
    names: namesOf(certificate),
    subject: distinguishedName(certificate.subjectName),
    issuer: distinguishedName(certificate.issuerName),
    serial: canonicalSerial(certificate.serialNumber),
    thumbprint: createHash('sha256').update(der).digest('base64url'),
  }
}

export function canonicalSerial(hexadecimal: string): string {
  return hexadecimal.toLowerCase().replace(/^0+(?=.)/, '')
}

function namesOf(certificate: X509Certificate): ClientCertificate['names'] {
  const all = certificate.getExtension(SubjectAlternativeNameExtension)?.names.toJSON() ?? []
  const ofKind = (kind: string) => all.filter(({ type }) => type === kind).map(({ value }) => value)
  return { uri: ofKind('url'), dns: ofKind('dns'), email: ofKind('email') }
}

/** RFC 4514 2: the parts in reverse order, as `openssl x509 -nameopt RFC2253` prints them. */
export function distinguishedName(name: Name): string {
  return name
    .toJSON()
    .toReversed()
    .map((part) =>
      Object.entries(part)
        .flatMap(([type, values]) => values.map((value) => `${type}=${escapeValue(value)}`))
        .join('+'),
    )
    .join(',')
}

/** RFC 4514 2.4 */
function escapeValue(value: string): string {
  return value
    .replace(/[\\,+"<>;=]/g, (character) => (character === '=' ? character : `\\${character}`))
    .replaceAll('\0', '\\00')
    .replace(/^[ #]/, (character) => `\\${character}`)
    .replace(/ $/, '\\ ')
}
