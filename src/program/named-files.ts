/**
 * Octets of the certificates, keys and revocation lists that settings name, by path. Read once and kept beside the program: a
 * thread that joins later serves what the others serve, whatever stands in the files by then.
 */
export type NamedFiles = ReadonlyMap<string, Uint8Array>

/** @throws Error when the settings that the files were read for do not name this one */
export function fileOf(files: NamedFiles, path: string): Buffer {
  const octets = files.get(path)
  if (!octets) throw new Error(`${path} was not read`)
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength)
}
