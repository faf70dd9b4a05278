import { createHash, X509Certificate } from 'node:crypto'
import { codeOfError, OwnError } from '../base/code-of-error.ts'
import type { ShownCertificates } from '../base/message.ts'
import type { NamedFile } from '../base/named-file.ts'
import type { Certificates, ClientCertificate } from '../engine/ports.ts'
import type { Link } from './verify-chain.ts'

export interface AuthorityFiles {
  readonly ca: NamedFile
  readonly crl: readonly NamedFile[]
}

/** Where nobody is configured to vouch for certificates, none is read. */
export const noAuthorities: Certificates = {
  read: () => null,
  readForwarded: () => null,
  revocation: () => 'unknown',
}

const maxForwarded = 4
const maxFieldLength = 16_384
// RFC 9651 3.3.5: a byte sequence; RFC 9440 2.3: the chain is a list of them.
const byteSequence = /^:([A-Za-z0-9+/]+={0,2}):$/

/**
 * Loads the authorities whose client certificates are believed, and their revocation lists.
 * @throws Error that names the file which cannot be used
 */
export async function loadAuthorities({ ca, crl }: AuthorityFiles): Promise<Certificates> {
  // Loaded only where certificates are asked for: reading them properly takes a library.
  const { linkOf, verifyChain } = await import('./verify-chain.ts')
  const { readRevocationLists } = await import('./revocation-lists.ts')
  const roots = readRoots()
  const lists = await readRevocationLists(
    crl,
    roots.map(({ certificate }) => certificate.raw),
  )
  const byIssuer = Map.groupBy(lists, ({ issuer }) => issuer)
  /** One reading for each connection, anew after each reload. */
  const seen = new WeakMap<ShownCertificates, ClientCertificate | null>()

  function readRoots(): readonly Link[] {
    try {
      return pemBlocks(ca.octets.toString('utf8')).map(linkOf)
    } catch (error) {
      throw new OwnError(`${ca.path}: ${codeOfError(error)}`)
    }
  }

  function judge(chain: readonly Uint8Array[], distrust: string | null): ClientCertificate | null {
    let links: readonly Link[]
    try {
      links = chain.map(linkOf)
    } catch {
      return null
    }
    const [leaf, ...intermediates] = links
    if (!leaf) return null
    const verified = verifyChain(leaf, intermediates, roots)
    const { thumbprint, subject, issuer, serial, names, notBeforeMs, notAfterMs } = leaf.read
    const own = { thumbprint, subject, issuer, serial, names }
    return verified.ok
      ? { ...own, notBeforeMs: verified.notBeforeMs, notAfterMs: verified.notAfterMs, distrust }
      : { ...own, notBeforeMs, notAfterMs, distrust: verified.why }
  }

  return {
    read(shown) {
      const known = seen.get(shown)
      if (known !== undefined) return known
      const read = judge(shown.chain, shown.distrust) ?? unreadable(shown.chain)
      seen.set(shown, read)
      return read
    },
    readForwarded(leaf, chain) {
      const fields = [leaf, ...(chain === null ? [] : chain.split(','))].map((text) => text.trim())
      if (fields.length > maxForwarded || leaf.length + (chain?.length ?? 0) > maxFieldLength)
        return 'unreadable'
      const octets = fields.map((text) => byteSequence.exec(text)?.[1])
      if (octets.includes(undefined)) return 'unreadable'
      const certificates = octets.map((text) => Buffer.from(text ?? '', 'base64'))
      return judge(certificates, null) ?? 'unreadable'
    },
    revocation({ issuer, serial }, nowMs) {
      if (lists.length === 0) return 'good'
      const speaking = (byIssuer.get(issuer) ?? []).filter(({ nextUpdateMs }) => nowMs < nextUpdateMs)
      if (speaking.some(({ serials }) => serials.has(serial))) return 'revoked'
      return speaking.length > 0 ? 'good' : 'unknown'
    },
  }
}

/** INVARIANT: a certificate that came and cannot be read is a bad credential, never the absence of one. */
function unreadable([leaf]: readonly Uint8Array[]): ClientCertificate | null {
  if (!leaf) return null
  return {
    thumbprint: createHash('sha256').update(leaf).digest('base64url'),
    ...{ subject: '', issuer: '', serial: '', names: { uri: [], dns: [], email: [] } },
    ...{ notBeforeMs: 0, notAfterMs: 0, distrust: 'the certificate cannot be read' },
  }
}

function pemBlocks(text: string): readonly Uint8Array[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return blocks.map((block) => new X509Certificate(block).raw)
}
