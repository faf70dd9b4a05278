import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { Settings } from '../program/settings.ts'
import type { Expiry } from '../sinks/metrics/process-figures.ts'

/**
 * When the certificates and revocation lists that the settings name end: in a file of several, the first of them.
 * What cannot be read is left out; whoever needs it has refused it already.
 */
export async function readExpiries(settings: Settings): Promise<readonly Expiry[]> {
  const { https, http } = settings.listen
  const listeners = [https, http].filter((listener) => listener !== null)
  const upstreams = Object.entries(settings.upstreams)
  const certificates = [
    ...(https ? [certificateExpiry('listener', basename(https.cert), https.cert)] : []),
    ...listeners.map(
      ({ clientCa: file }) => file && certificateExpiry('client_authority', basename(file), file),
    ),
    ...upstreams.map(([name, { tls }]) => tls?.cert && certificateExpiry('upstream_client', name, tls.cert)),
    ...upstreams.map(([name, { tls }]) => tls?.ca && certificateExpiry('upstream_authority', name, tls.ca)),
  ]
  const lists = await listExpiries(listeners.flatMap(({ clientCrl }) => clientCrl))
  return distinct(
    [...certificates, ...lists].filter((expiry) => expiry !== null && expiry !== undefined && expiry !== ''),
  )
}

/** Reads anew for other settings than the last time; until that is done, tells what it read before. */
export function watchExpiries(settings: () => Settings): () => readonly Expiry[] {
  let read: Settings | null = null
  let known: readonly Expiry[] = []
  return expiries
  function expiries(): readonly Expiry[] {
    const current = settings()
    if (read === current) return known
    read = current
    void readExpiries(current).then((found) => {
      if (read === current) known = found
    })
    return known
  }
}

function certificateExpiry(use: string, name: string, file: string): Expiry | null {
  try {
    const blocks = readFileSync(file, 'latin1').match(pemCertificate) ?? []
    const ends = blocks.map((block) => new X509Certificate(block).validToDate.getTime())
    return ends.length === 0 ? null : { kind: 'certificate', use, name, endsMs: Math.min(...ends) }
  } catch {
    return null
  }
}

const pemCertificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

async function listExpiries(files: readonly string[]): Promise<readonly (Expiry | null)[]> {
  if (files.length === 0) return []
  const { nextUpdateOf } = await import('../identity/revocation-lists.ts')
  return files.map((file) => {
    try {
      return { kind: 'revocation_list', use: '', name: basename(file), endsMs: nextUpdateOf(file) }
    } catch {
      return null
    }
  })
}

/** Two files of one name and use are one series: the first that ends. */
function distinct(expiries: readonly Expiry[]): readonly Expiry[] {
  const first = new Map<string, Expiry>()
  for (const expiry of expiries) {
    const key = JSON.stringify([expiry.kind, expiry.use, expiry.name])
    const known = first.get(key)
    if (!known || expiry.endsMs < known.endsMs) first.set(key, expiry)
  }
  return [...first.values()]
}
