import type { JsonObject } from '../base/json.ts'
import { isJsonObject } from '../base/json.ts'
import { readJson } from '../base/read-json.ts'
import { BoundedCache } from './bounded-cache.ts'
import { isCanonicalBase64url } from './canonical-base64url.ts'

/** What the protected header says (RFC 7515 4.1). */
interface ReadHeader {
  readonly algorithm: string
  readonly keyId: string | null
  /** `typ`, lower case, without `application/`. */
  readonly type: string | null
  /** The protected header, for what only some kinds of token carry there. */
  readonly header: JsonObject
}

/** A compact JWS taken apart; nothing in it has been verified. */
export interface ReadJws extends ReadHeader {
  readonly claims: JsonObject
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
  const [, header, payload, signature] = match as unknown as readonly [string, string, string, string]
  if (![header, payload, signature].every(isCanonicalBase64url))
    return 'the token is not in canonical base64url'
  const protectedHeader = headerOf(header)
  if (typeof protectedHeader === 'string') return protectedHeader
  const claims = readObject(payload)
  if (!claims) return 'the payload is no JSON object'
  return {
    algorithm: protectedHeader.algorithm,
    keyId: protectedHeader.keyId,
    type: protectedHeader.type,
    header: protectedHeader.header,
    claims,
    signed: Buffer.from(token.slice(0, header.length + 1 + payload.length), 'latin1'),
    signature: Buffer.from(signature, 'base64url'),
  }
}

/** An issuer writes the same header into all its tokens; long ones hold a client's own key (RFC 9449 4.2). */
const headers = new BoundedCache<ReadHeader>(100)
const maxKeptHeader = 256

function headerOf(text: string): ReadHeader | string {
  if (text.length > maxKeptHeader) return readHeader(text)
  const known = headers.get(text)
  if (known) return known
  const read = readHeader(text)
  // A copy: the text is a piece of a token, which would be kept whole with it.
  if (typeof read !== 'string') headers.set(Buffer.from(text, 'latin1').toString('latin1'), read)
  return read
}

function readHeader(text: string): ReadHeader | string {
  const header = readObject(text)
  if (!header) return 'the header is no JSON object'
  const { alg, kid, typ } = header
  // RFC 7515 4.1.11: extensions that are not understood make a token invalid; none are. ATTACK: A13.
  if ('crit' in header || 'b64' in header || 'enc' in header || 'zip' in header)
    return 'the header demands an extension'
  if (typeof alg !== 'string') return 'alg is missing'
  if (kid !== undefined && typeof kid !== 'string') return 'kid is not a text'
  if (typ !== undefined && typeof typ !== 'string') return 'typ is not a text'
  return {
    algorithm: alg,
    keyId: kid ?? null,
    type: typ === undefined ? null : typ.toLowerCase().replace(/^application\//, ''),
    header,
  }
}

function readObject(part: string): JsonObject | null {
  const read = readJson(Buffer.from(part, 'base64url'), bounds)
  return read.ok && isJsonObject(read.value) ? read.value : null
}
