import { request } from 'undici'
import { codeOfError, OwnError } from '../base/code-of-error.ts'
import { isJsonObject } from '../base/json.ts'
import { readJson } from '../base/read-json.ts'

const maxBytes = 512 * 1024
const timeoutMs = 5000
const bounds = { maxDepth: 16 }

export interface Fetched {
  readonly document: unknown
  /** How long the answer is fresh (RFC 9111 5.2.2.1), in milliseconds; null when it does not say. */
  readonly maxAgeMs: number | null
}

/** The issuer answered with a status that is no success. */
export class StatusError extends OwnError {
  readonly status: number
  /** Its error code (RFC 6749 5.2); null when it sent none. */
  readonly code: string | null

  constructor(status: number, bytes: Uint8Array) {
    super(`the issuer answered ${status}`)
    this.status = status
    const read = readJson(bytes, bounds)
    this.code =
      read.ok && isJsonObject(read.value) && typeof read.value.error === 'string' ? read.value.error : null
  }
}

/** What is asked beyond a plain GET. */
export interface Asking {
  readonly method?: 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Ends the asking. */
  readonly signal?: AbortSignal
}

/**
 * An issuer's metadata. Plain HTTP is for loopback only, redirects are not followed, answers are bounded in size and time.
 * @throws Error with a message for the operator
 * @see OpenID Connect Discovery 4, RFC 8414 3
 */
export async function fetchMetadata(
  issuer: string,
  asking: Pick<Asking, 'signal'> = {},
): Promise<Record<string, unknown>> {
  const failures: string[] = []
  for (const url of metadataUrls(issuer)) {
    try {
      const { document } = await getJson(url, asking)
      if (!isJsonObject(document)) throw new OwnError('the metadata is no object')
      // RFC 8414 3.3: MUST be identical, or the metadata is another issuer's.
      if (document.issuer !== issuer) throw new OwnError('the metadata names another issuer')
      return document
    } catch (error) {
      failures.push(codeOfError(error))
    }
  }
  throw new OwnError(failures[0])
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

/** @throws Error with a message for the operator */
export async function getJson(url: string, { signal, ...asking }: Asking = {}): Promise<Fetched> {
  const { protocol, hostname } = new URL(url)
  if (protocol !== 'https:' && !(protocol === 'http:' && loopback.test(hostname))) {
    throw new OwnError('issuers are not asked in the clear')
  }
  const inTime = AbortSignal.timeout(timeoutMs)
  const { statusCode, headers, body } = await request(url, {
    ...asking,
    headers: { accept: 'application/json', ...asking.headers },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    signal: signal ? AbortSignal.any([signal, inTime]) : inTime,
  })
  const bytes = await readBounded(body)
  if (statusCode !== 200) throw new StatusError(statusCode, bytes)
  const read = readJson(bytes, bounds)
  if (!read.ok) throw new OwnError('the issuer answered something that is no JSON')
  return { document: read.value, maxAgeMs: maxAgeOf(headers['cache-control']) }
}

export async function readBounded(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.byteLength
    if (size > maxBytes) throw new OwnError(`the issuer answered over ${maxBytes} octets`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function maxAgeOf(cacheControl: string | string[] | undefined): number | null {
  const seconds = /(?:^|[\s,])max-age=(\d{1,9})/.exec(String(cacheControl ?? ''))?.[1]
  return seconds === undefined ? null : Number(seconds) * 1000
}
