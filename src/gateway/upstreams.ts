import { readFileSync } from 'node:fs'
import { Pool } from 'undici'
import type { Program } from '../program/program.ts'
import type { Settings, UpstreamSettings } from '../program/settings.ts'

/** Connections to the upstreams of one program. */
export interface Upstreams {
  get(name: string): Pool
  /** What the pools hold at the moment. */
  figures(): readonly PoolFigures[]
  /** Closes all connections, idle or not. */
  destroy(): void
}

export interface PoolFigures {
  readonly name: string
  /** Open connections, and those of them on which nothing runs. */
  readonly connected: number
  readonly free: number
  /** Requests on a connection, and those that wait for one. */
  readonly running: number
  readonly pending: number
}

const connectTimeoutMs = 5000
const keepAliveTimeoutMs = 30_000
/** Longest silence within an answer; a stream of events stays below it with its keep-alive comments. */
const bodyTimeoutMs = 300_000

/**
 * Opens no connection yet; reads the certificates.
 * @throws Error when a certificate file cannot be read
 */
export function createUpstreams(program: Program, settings: Settings): Upstreams {
  const pools = new Map<string, Pool>()
  for (const [name, { origin }] of Object.entries(program.upstreams)) {
    pools.set(name, createPool(origin, settings.upstreams[name]?.tls ?? null))
  }
  return {
    get(name) {
      const pool = pools.get(name)
      if (!pool) throw new Error(`no connections to an upstream called ${name}`)
      return pool
    },
    figures() {
      return Array.from(pools, ([name, { stats }]) => {
        const { connected, free, running, pending } = stats
        return { name, connected, free, running, pending }
      })
    },
    destroy() {
      for (const pool of pools.values()) pool.destroy().catch(() => {})
    },
  }
}

function createPool(origin: string, tls: UpstreamSettings['tls']): Pool {
  return new Pool(origin, {
    allowH2: false,
    pipelining: 1,
    keepAliveTimeout: keepAliveTimeoutMs,
    bodyTimeout: bodyTimeoutMs,
    connect: { timeout: connectTimeoutMs, ...(tls && readTls(tls)) },
  })
}

function readTls(tls: NonNullable<UpstreamSettings['tls']>): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  return {
    ...(tls.ca !== null && { ca: readFileSync(tls.ca) }),
    ...(tls.cert !== null && { cert: readFileSync(tls.cert) }),
    ...(tls.key !== null && { key: readFileSync(tls.key) }),
  }
}
