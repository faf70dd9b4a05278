import {
  brotliDecompressSync,
  crc32,
  gunzipSync,
  inflateRawSync,
  inflateSync,
  zstdDecompressSync,
} from 'node:zlib'
import type { ContentCodings } from '../engine/ports.ts'
import type { Coding } from '../engine/validate/judge-response.ts'

const decoders = {
  gzip: gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
} as const satisfies { readonly [C in Coding]: (bytes: Uint8Array, options: Bound) => Buffer }

interface Bound {
  readonly maxOutputLength: number
}

/** Undoes a content coding of an answer, never beyond the bound (RFC 9110 8.4). */
export function decode(coding: Coding, bytes: Buffer, maxBytes: number): Buffer | 'too_large' | 'broken' {
  return bounded(() => decoders[coding](bytes, { maxOutputLength: maxBytes }))
}

/**
 * Undoes content codings of requests so that no other decoder can come to another text: one stream, of all octets that
 * came. What stands behind its end would be passed over by one and read by another.
 * @see RFC 1952 2.2, 2.3 (gzip: one member), RFC 1950 2.2, RFC 7932 9.1
 */
export const contentCodings: ContentCodings = {
  decode: (coding, bytes, maxBytes) =>
    bounded(() => {
      if (coding === 'gzip') return gunzipOne(bytes, maxBytes)
      const inflate = coding === 'br' ? brotliDecompressSync : inflateSync
      return whole(inflate, bytes, maxBytes)
    }),
}

function bounded(undo: () => Buffer | null): Buffer | 'too_large' | 'broken' {
  try {
    return undo() ?? 'broken'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'too_large' : 'broken'
  }
}

/** With `info` the stream tells how many octets it took; the published types do not know that. */
type WithInfo = (
  bytes: Uint8Array,
  options: Bound & { readonly info: true },
) => { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } }

/** @returns null when the stream ends before the octets do */
function whole(
  undo: (bytes: Uint8Array, options: Bound) => Buffer,
  bytes: Uint8Array,
  maxBytes: number,
): Buffer | null {
  const { buffer, engine } = (undo as unknown as WithInfo)(bytes, { maxOutputLength: maxBytes, info: true })
  return engine.bytesWritten === bytes.length ? buffer : null
}

const trailerBytes = 8

/** @returns null unless it is one member and its trailer holds */
function gunzipOne(bytes: Uint8Array, maxBytes: number): Buffer | null {
  const start = deflateStart(bytes)
  const end = bytes.length - trailerBytes
  if (start === null || start >= end) return null
  const text = whole(inflateRawSync, bytes.subarray(start, end), maxBytes)
  if (text === null) return null
  const trailer = new DataView(bytes.buffer, bytes.byteOffset + end, trailerBytes)
  return trailer.getUint32(0, true) === crc32(text) && trailer.getUint32(4, true) === text.length
    ? text
    : null
}

const [extra, name, comment, headerCrc, reserved] = [0x04, 0x08, 0x10, 0x02, 0xe0]

/** Where the header of a gzip member ends; null when it is none. @see RFC 1952 2.3 */
function deflateStart(bytes: Uint8Array): number | null {
  const [id1, id2, method, flags = 0] = bytes
  if (id1 !== 0x1f || id2 !== 0x8b || method !== 8 || (flags & reserved) !== 0) return null
  let at = 10
  if (flags & extra) at += 2 + (bytes[at] ?? 0) + 256 * (bytes[at + 1] ?? 0)
  for (const text of [name, comment]) {
    if (!(flags & text)) continue
    const zero = bytes.indexOf(0, at)
    if (zero < 0) return null
    at = zero + 1
  }
  return flags & headerCrc ? at + 2 : at
}
