import { isUtf8 } from 'node:buffer'

/** The text of octets; null when they are not UTF-8. A byte order mark is a character of it. @see RFC 3629 3 */
export function readUtf8(bytes: Uint8Array): string | null {
  if (!isUtf8(bytes)) return null
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}
