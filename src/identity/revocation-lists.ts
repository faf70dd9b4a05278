import { readFileSync } from 'node:fs'
import { codeOfError, OwnError } from '../base/code-of-error.ts'
import type { NamedFile } from '../base/named-file.ts'
// The library registers its parts by reflection.
import 'reflect-metadata'
import { X509Certificate, X509Crl } from '@peculiar/x509'
import { canonicalSerial, distinguishedName } from './read-certificate.ts'

/** What a revocation list says. */
export interface RevocationList {
  /** Distinguished name of who speaks in it. */
  readonly issuer: string
  readonly serials: ReadonlySet<string>
  /** From then on it is too old to be believed. */
  readonly nextUpdateMs: number
}

/**
 * Reads revocation lists, PEM or DER, and believes only those an authority signed.
 * @throws Error that names the file
 * @see RFC 5280 5
 */
export async function readRevocationLists(
  files: readonly NamedFile[],
  authorities: readonly Uint8Array[],
): Promise<readonly RevocationList[]> {
  const known = authorities.map((der) => new X509Certificate(Buffer.from(der)))
  return Promise.all(files.map((file) => readList(file, known)))
}

/**
 * When the next list is due (RFC 5280 5.1.2.5); epoch milliseconds, 0 when it does not say.
 * @throws Error when the file holds no list
 */
export function nextUpdateOf(file: string): number {
  return parse({ path: file, octets: readFileSync(file) }).nextUpdate?.getTime() ?? 0
}

async function readList(file: NamedFile, authorities: readonly X509Certificate[]): Promise<RevocationList> {
  const list = parse(file)
  const issuer = distinguishedName(list.issuerName)
  const signers = authorities.filter(({ subjectName }) => distinguishedName(subjectName) === issuer)
  const verdicts = await Promise.all(signers.map((publicKey) => list.verify({ publicKey })))
  if (!verdicts.includes(true))
    throw new OwnError(`${file.path}: no authority in clientCa signed this revocation list`)
  // RFC 5280 5.2: a delta, or a list of some certificates or of other issuers' alone, is none for all of an issuer's.
  const all = [...list.extensions, ...list.entries.flatMap(({ extensions }) => extensions)]
  const foreign = all.find(({ critical }) => critical)
  if (foreign)
    throw new OwnError(
      `${file.path}: the revocation list has a critical extension, ${foreign.type}, and cannot be used`,
    )
  return {
    issuer,
    serials: new Set(list.entries.map(({ serialNumber }) => canonicalSerial(serialNumber))),
    // RFC 5280 5.1.2.5: it must be there; a list without an end is believed for no time.
    nextUpdateMs: list.nextUpdate?.getTime() ?? 0,
  }
}

function parse({ path, octets }: NamedFile): X509Crl {
  try {
    return new X509Crl(octets.includes('-----BEGIN') ? octets.toString('latin1') : octets)
  } catch (error) {
    throw new OwnError(`${path}: this is no revocation list (${codeOfError(error)})`)
  }
}
