import { readFileSync } from 'node:fs'
import { codeOfError } from '../base/code-of-error.ts'
import type { NamedFiles } from '../program/named-files.ts'
import type { Settings } from '../program/settings.ts'
import { StartError } from './start-error.ts'

/** @throws StartError that names a file which cannot be read */
export function readNamedFiles({ listen: { https, http }, upstreams }: Settings): NamedFiles {
  const named = [
    https?.cert,
    https?.key,
    ...[https, http].flatMap((listener) => (listener ? [listener.clientCa, ...listener.clientCrl] : [])),
    ...Object.values(upstreams).flatMap(({ tls }) => (tls ? [tls.ca, tls.cert, tls.key] : [])),
  ]
  const paths = new Set(named.filter((path) => path !== null && path !== undefined))
  return new Map(Array.from(paths, (path) => [path, read(path)]))
}

function read(path: string): Uint8Array {
  try {
    // A copy: what stands around it in a pool of buffers would go to every thread too.
    return new Uint8Array(readFileSync(path))
  } catch (error) {
    throw new StartError(`${path}: ${codeOfError(error)}`)
  }
}
