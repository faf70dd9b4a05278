import type { SignedProof } from '../ports.ts'

/** What a DPoP proof must fit: the request it came with, and the token it stands for. */
export interface ProofDemand {
  readonly method: string
  /** Own origin and canonical path, without query (RFC 9449 4.2). */
  readonly url: string
  /** `cnf.jkt` of the access token. */
  readonly keyThumbprint: string
  /** SHA-256 of the access token, base64url. */
  readonly tokenHash: string
  readonly nowMs: number
}

/** A proof is good for this long after its `iat`, and as long before it for clocks that differ. */
export const proofLifetimeSeconds = 60
const maxIdLength = 256

/**
 * The checks of a DPoP proof whose own signature holds; nonce and replay are looked at apart.
 * @returns what is wrong, or null
 * @see RFC 9449 4.3, 8 to 12
 */
export function judgeProof({ keyThumbprint, claims }: SignedProof, demand: ProofDemand): string | null {
  const { jti, htm, htu, iat, ath } = claims
  if (keyThumbprint !== demand.keyThumbprint) return 'the proof is by another key than the token is bound to'
  if (typeof jti !== 'string' || jti === '' || jti.length > maxIdLength) return 'jti is missing or too long'
  if (htm !== demand.method) return 'htm is not the method'
  if (typeof htu !== 'string' || canonicalUrl(htu) !== canonicalUrl(demand.url))
    return 'htu is not the address'
  if (typeof iat !== 'number' || !Number.isFinite(iat)) return 'iat is missing'
  if (Math.abs(demand.nowMs / 1000 - iat) >= proofLifetimeSeconds) return 'iat is not about now'
  return ath === demand.tokenHash ? null : 'ath is not the hash of the token'
}

/** RFC 9449 4.3, RFC 3986 6.2.2, 6.2.3: without query and fragment, normalized by syntax and scheme; null when it is no URL. */
function canonicalUrl(text: string): string | null {
  if (!URL.canParse(text)) return null
  const { protocol, host, pathname, username, password } = new URL(text)
  if (!/^https?:$/.test(protocol) || username !== '' || password !== '') return null
  const path = pathname.replace(/%[0-9A-Fa-f]{2}/g, (octet) => {
    const character = String.fromCharCode(Number.parseInt(octet.slice(1), 16))
    return /[A-Za-z0-9\-._~]/.test(character) ? character : octet.toUpperCase()
  })
  return `${protocol}//${host}${path}`
}
