import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
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

/** Undoes a content coding, never beyond the bound (RFC 9110 8.4). */
export function decode(coding: Coding, bytes: Buffer, maxBytes: number): Buffer | 'too_large' | 'broken' {
  try {
    return decoders[coding](bytes, { maxOutputLength: maxBytes })
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'too_large' : 'broken'
  }
}
