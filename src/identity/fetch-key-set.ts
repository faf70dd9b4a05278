import { request } from 'undici'
import { isJsonObject } from '../base/json.ts'
import { readJson } from '../base/read-json.ts'
import { type KeySet, readKeySet } from './read-key-set.ts'

export interface FetchedKeySet {
  readonly keySet: KeySet
  /** How long the issuer says the set is fresh (RFC 9111 5.2.2.1), in milliseconds; null when it does not say. */
  readonly maxAgeMs: number | null
}

const maxBytes = 512 * 1024
const timeoutMs = 5000

/**
 * Fetches an issuer's keys: its metadata names the key set. Plain HTTP is for loopback only, redirects are not
 * followed, answers are bounded in size and time.
 * @throws Error with a message for the operator
 * @see OpenID Connect Discovery 4, RFC 8414 3
 */
export async function fetchKeySet(issuer: string): Promise<FetchedKeySet> {
  const metadata = await firstMetadata(issuer)
  const { jwks_uri: keySetUrl } = metadata
  if (typeof keySetUrl !== 'string') throw new Error('the metadata names no jwks_uri')
  const { document, maxAgeMs } = await getJson(keySetUrl)
  const keySet = readKeySet(document)
  if (typeof keySet === 'string') throw new Error(keySet)
  return { keySet, maxAgeMs }
}

async function firstMetadata(issuer: string): Promise<Record<string, unknown>> {
  const failures: string[] = []
  for (const url of metadataUrls(issuer)) {
    try {
      const { document } = await getJson(url)
      if (!isJsonObject(document)) throw new Error('the metadata is no object')
      // RFC 8414 3.3: MUST be identical, or the metadata is another issuer's.
      if (document.issuer !== issuer) throw new Error('the metadata names another issuer')
      return document
    } catch (error) {
      failures.push((error as Error).message)
    }
  }
  throw new Error(failures[0])
}

function metadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ]
}

const loopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

async function getJson(
  url: string,
): Promise<{ readonly document: unknown; readonly maxAgeMs: number | null }> {
  const { protocol, hostname } = new URL(url)
  if (protocol !== 'https:' && !(protocol === 'http:' && loopback.test(hostname))) {
    throw new Error('keys are not fetched in the clear')
  }
  const { statusCode, headers, body } = await request(url, {
    headers: { accept: 'application/json' },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    signal: AbortSignal.timeout(timeoutMs),
  })
  const bytes = await readBounded(body)
  if (statusCode !== 200) throw new Error(`the issuer answered ${statusCode}`)
  const read = readJson(bytes, { maxDepth: 16 })
  if (!read.ok) throw new Error('the issuer answered something that is no JSON')
  return { document: read.value, maxAgeMs: maxAgeOf(headers['cache-control']) }
}

async function readBounded(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.byteLength
    if (size > maxBytes) throw new Error(`the issuer answered over ${maxBytes} octets`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function maxAgeOf(cacheControl: string | string[] | undefined): number | null {
  const seconds = /(?:^|[\s,])max-age=(\d{1,9})/.exec(String(cacheControl ?? ''))?.[1]
  return seconds === undefined ? null : Number(seconds) * 1000
}
