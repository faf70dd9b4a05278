import {
  brotliDecompressSync,
  constants,
  crc32,
  inflateRawSync,
  inflateSync,
  zstdDecompressSync,
} from 'node:zlib'
import { zstdFrameLength } from './zstd-frame.ts'

/** Content codings that can be undone (RFC 9110 8.4.1, RFC 7932, RFC 8878). */
export const codings = ['gzip', 'deflate', 'br', 'zstd'] as const
export type Coding = (typeof codings)[number]

const byName: ReadonlyMap<string, Coding | null> = new Map<string, Coding | null>([
  ['identity', null],
  ['x-gzip', 'gzip'],
  ...codings.map((coding) => [coding, coding] as const),
])

/**
 * Reads `Content-Encoding`. A chain of codings is none that is undone here.
 * @returns null for none; undefined for one that is not undone here
 */
export function codingOf(written: string): Coding | null | undefined {
  return byName.get(written.trim().toLowerCase())
}

/**
 * Undoes a content coding, never beyond the bound: a bomb costs what fits into it (attack D8).
 *
 * The octets must be one stream and nothing else. What comes after its end is octets to one reader, a second stream to
 * another and nothing to a third, so gzip of several members and zstd of several or skippable frames are broken here.
 * @see RFC 9110 8.4, RFC 1950, RFC 1952 2.2, RFC 7932, RFC 8878 3
 */
export function decode(
  coding: Coding,
  bytes: Uint8Array,
  maxBytes: number,
): Uint8Array | 'too_large' | 'broken' {
  try {
    return decoders[coding](bytes, { maxOutputLength: maxBytes, info: true }) ?? 'broken'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'too_large' : 'broken'
  }
}

interface Bound {
  readonly maxOutputLength: number
  readonly info: true
}

/** @returns null when it is not exactly one stream */
type Decode = (bytes: Uint8Array, bound: Bound) => Uint8Array | null

// RFC 9659 3: a decoder need not hold a window of more than 8 MiB.
const zstdWindow = { params: { [constants.ZSTD_d_windowLogMax]: 23 } }

const decoders: { readonly [C in Coding]: Decode } = {
  gzip: gunzipOne,
  deflate: (bytes, bound) => wholly(inflateSync(bytes, bound), bytes.length),
  br: (bytes, bound) => wholly(brotliDecompressSync(bytes, bound), bytes.length),
  zstd: (bytes, bound) =>
    zstdFrameLength(bytes) === bytes.length
      ? decoded(zstdDecompressSync(bytes, { ...bound, ...zstdWindow })).buffer
      : null,
}

const trailerBytes = 8

/** One member of gzip. The decoder of the platform reads on into a second one, and does not say so. @see RFC 1952 2.3 */
function gunzipOne(bytes: Uint8Array, bound: Bound): Uint8Array | null {
  const start = gzipHeaderLength(bytes)
  if (start === null || bytes.length < start + trailerBytes) return null
  const content = wholly(inflateRawSync(bytes.subarray(start), bound), bytes.length - start - trailerBytes)
  if (!content) return null
  const trailer = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - trailerBytes, trailerBytes)
  const sound = trailer.getUint32(0, true) === crc32(content) && trailer.getUint32(4, true) === content.length
  return sound ? content : null
}

/**
 * Only the names and comments that tools write are skipped; extra fields, a checksum of the header and reserved flags
 * are written by none of them and are read by few.
 */
function gzipHeaderLength(bytes: Uint8Array): number | null {
  const [first, second, method, flags = 0xff] = bytes
  if (first !== 0x1f || second !== 0x8b || method !== 8 || (flags & ~(text | name | comment)) !== 0)
    return null
  let at = 10
  for (const flag of [name, comment]) {
    if ((flags & flag) === 0) continue
    at = bytes.indexOf(0, at) + 1
    if (at === 0) return null
  }
  return at
}

const text = 0b1
const name = 0b1000
const comment = 0b1_0000

/** What the platform answers with `info`, which its types do not tell. */
interface Decoded {
  readonly buffer: Uint8Array
  readonly engine: { readonly bytesWritten: number }
}

function decoded(answer: unknown): Decoded {
  return answer as Decoded
}

/** The content, when the stream took exactly these octets. */
function wholly(answer: unknown, octets: number): Uint8Array | null {
  const { buffer, engine } = decoded(answer)
  return engine.bytesWritten === octets ? buffer : null
}
