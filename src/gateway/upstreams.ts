import { Pool } from 'undici'
import { fileOf, type NamedFiles } from '../program/named-files.ts'
import type { Program } from '../program/program.ts'
import type { Settings, UpstreamSettings } from '../program/settings.ts'
import { type BreakerEvent, Upstream, type UpstreamFigures } from './upstream.ts'

/** The upstreams of one program. */
export interface Upstreams {
  get(name: string): Upstream
  /** What each of them holds at the moment. */
  figures(): readonly UpstreamFigures[]
  /** Closes all connections, idle or not. */
  destroy(): void
}

const connectTimeoutMs = 5000
const keepAliveTimeoutMs = 30_000
/** Longest silence within an answer; a stream of events stays below it with its keep-alive comments. */
const bodyTimeoutMs = 300_000

/** Opens no connection yet. */
export function createUpstreams(
  program: Program,
  settings: Settings,
  files: NamedFiles,
  onBreaker: (event: BreakerEvent) => void,
): Upstreams {
  const upstreams = new Map<string, Upstream>()
  for (const [name, { origin }] of Object.entries(program.upstreams)) {
    const own = settings.upstreams[name]
    if (!own) throw new Error(`no settings for an upstream called ${name}`)
    upstreams.set(
      name,
      new Upstream(name, createPool(origin, own, files), own, settings.bounds.queueDelayMs, onBreaker),
    )
  }
  return {
    get(name) {
      const upstream = upstreams.get(name)
      if (!upstream) throw new Error(`no connections to an upstream called ${name}`)
      return upstream
    },
    figures: () => Array.from(upstreams.values(), ({ figures }) => figures),
    destroy() {
      for (const { pool } of upstreams.values()) pool.destroy().catch(() => {})
    },
  }
}

function createPool(origin: string, { tls, connections }: UpstreamSettings, files: NamedFiles): Pool {
  return new Pool(origin, {
    connections,
    allowH2: false,
    pipelining: 1,
    keepAliveTimeout: keepAliveTimeoutMs,
    bodyTimeout: bodyTimeoutMs,
    connect: { timeout: connectTimeoutMs, ...(tls && tlsOf(tls, files)) },
  })
}

function tlsOf(
  { ca, cert, key }: NonNullable<UpstreamSettings['tls']>,
  files: NamedFiles,
): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  return {
    ...(ca !== null && { ca: fileOf(files, ca) }),
    ...(cert !== null && { cert: fileOf(files, cert) }),
    ...(key !== null && { key: fileOf(files, key) }),
  }
}
