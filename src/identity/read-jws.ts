import type { JsonObject } from '../base/json.ts'
import { isJsonObject } from '../base/json.ts'
import { readJson } from '../base/read-json.ts'

/** A compact JWS taken apart; nothing in it has been verified. */
export interface ReadJws {
  readonly algorithm: string
  readonly keyId: string | null
  /** `typ`, lower case, without `application/`. */
  readonly type: string | null
  readonly claims: JsonObject
  /** The protected header, for what only some kinds of token carry there. */
  readonly header: JsonObject
  /** What the signature is over: `header.payload`. */
  readonly signed: Buffer
  readonly signature: Buffer
}

const maxLength = 16_384
const compact = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/
const bounds = { maxDepth: 32 }

/**
 * Takes a token apart. Only the one canonical spelling is a token: another spelling of the same signed octets
 * would have another cache key and escape a revocation (attack H1).
 * @returns why it is none, as a text, otherwise
 * @see RFC 7515 3.1, 4.1, 7.1; RFC 4648 3.5, 5
 */
export function readJws(token: string): ReadJws | string {
  if (token.length > maxLength) return 'the token is too long'
  const match = compact.exec(token)
  if (!match) return 'the token is no compact JWS'
  const parts = [match[1] as string, match[2] as string, match[3] as string] as const
  const [header, payload, signature] = parts.map(decodeCanonical)
  if (!header || !payload || !signature) return 'the token is not in canonical base64url'
  const protectedHeader = readObject(header)
  const claims = readObject(payload)
  if (!protectedHeader) return 'the header is no JSON object'
  if (!claims) return 'the payload is no JSON object'
  const { alg, kid, typ } = protectedHeader
  // RFC 7515 4.1.11: extensions that are not understood make a token invalid; none are. ATTACK: A13.
  if (
    'crit' in protectedHeader ||
    'b64' in protectedHeader ||
    'enc' in protectedHeader ||
    'zip' in protectedHeader
  ) {
    return 'the header demands an extension'
  }
  if (typeof alg !== 'string') return 'alg is missing'
  if (kid !== undefined && typeof kid !== 'string') return 'kid is not a text'
  if (typ !== undefined && typeof typ !== 'string') return 'typ is not a text'
  return {
    algorithm: alg,
    keyId: kid ?? null,
    type: typ === undefined ? null : typ.toLowerCase().replace(/^application\//, ''),
    claims,
    header: protectedHeader,
    signed: Buffer.from(`${parts[0]}.${parts[1]}`, 'latin1'),
    signature,
  }
}

function decodeCanonical(part: string): Buffer | null {
  const octets = Buffer.from(part, 'base64url')
  return octets.toString('base64url') === part ? octets : null
}

function readObject(octets: Buffer): JsonObject | null {
  const read = readJson(octets, bounds)
  return read.ok && isJsonObject(read.value) ? read.value : null
}
