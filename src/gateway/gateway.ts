import { Server as NetServer } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import type { SecureContextOptions } from 'node:tls'
import type { NamedFiles } from '../program/named-files.ts'
import type { Settings } from '../program/settings.ts'
import { DataPlane, type DataPlaneParts, type InForce } from './data-plane.ts'
import type { ConnectionsStatus } from './door.ts'
import {
  certificateFor,
  type Listener,
  listenHttps,
  listenPlaintext,
  listenRedirect,
  renewCertificate,
  type SharedSockets,
} from './listen.ts'
import { originOf } from './open-server.ts'
import { redirectTo } from './redirect.ts'

export interface Addresses {
  readonly https: string | null
  readonly http: string | null
}

/** The listeners and what stands behind them. */
export interface Gateway {
  readonly addresses: Addresses
  readonly inFlight: number
  readonly connections: ConnectionsStatus
  readonly inForce: InForce
  /**
   * Reads the certificate of these settings; null where none is served.
   * @throws Error when it cannot be served
   */
  certificateOf(settings: Settings, files: NamedFiles): SecureContextOptions | null
  /** Swaps program and upstreams whole, and the certificate for new connections, as it was read before. */
  swap(next: InForce, certificate: SecureContextOptions | null): void
  /** Takes no new connection, finishes what is in flight within the time given, then breaks it off. */
  stop(timeoutMs: number): Promise<void>
}

/** @throws ListenError when a listener cannot be opened; those already open are closed again */
export async function openGateway(
  settings: Settings,
  files: NamedFiles,
  inForce: InForce,
  parts: DataPlaneParts,
  sockets: SharedSockets,
): Promise<Gateway> {
  const plane = new DataPlane(inForce, parts, settings.bounds)
  const open: Listener[] = []
  let https: Listener | null = null
  let http: Listener | null = null
  try {
    if (settings.listen.https)
      https = await listenHttps(settings.listen.https, files, settings.bounds, plane, sockets)
    if (https) open.push(https)
    if (settings.listen.http) http = await listenHttp()
    if (http) open.push(http)
  } catch (error) {
    await Promise.all(open.map((listener) => closed(listener, plane)))
    throw error
  }

  async function listenHttp(): Promise<Listener> {
    const { http: wanted } = settings.listen
    if (!wanted) throw new Error('no plain listener is configured')
    if (wanted.mode === 'plaintext') return listenPlaintext(wanted, settings.bounds, plane, sockets)
    return listenRedirect(
      wanted,
      settings.bounds,
      plane,
      sockets,
      redirectTo(
        (host) => httpsOrigin(host),
        () => plane.inForce.linked,
        parts.record,
      ),
    )
  }

  function httpsOrigin(host: string): string {
    const { publicUrl } = plane.inForce.linked.admission.plan
    if (publicUrl !== null) return publicUrl
    const name = host.replace(/:\d+$/, '') || 'localhost'
    const port = https?.address.port ?? 443
    return `https://${name}${port === 443 ? '' : `:${port}`}`
  }

  return {
    addresses: { https: https && originOf('https', https), http: http && originOf('http', http) },
    get inFlight() {
      return plane.inFlight
    },
    get connections() {
      return plane.door.status
    },
    get inForce() {
      return plane.inForce
    },
    certificateOf({ listen }, files) {
      return https && listen.https && certificateFor(listen.https, files)
    },
    swap(next, certificate) {
      if (https && certificate) renewCertificate(https.server, certificate)
      plane.swap(next)
    },
    async stop(timeoutMs) {
      plane.close()
      let over = false
      const timer = setTimeout(() => {
        over = true
        for (const { connections } of open) connections.closeUnused(new Set())
      }, timeoutMs)
      await Promise.all(open.map((listener) => closed(listener, plane, () => over)))
      clearTimeout(timer)
      await plane.inForce.release()
    },
  }
}

/** Connections that the system holds for a listener at the most (listen(2), as Node.js asks for it). */
const backlog = 511

/**
 * INVARIANT: a request that had arrived is in flight, though nobody has read it: which connections are idle is known only after
 * turns of the loop in which what the system held was taken over, and then read.
 */
async function closed(
  { server, connections }: Listener,
  plane: DataPlane,
  isOver: () => boolean = () => false,
): Promise<void> {
  // A turn takes over one connection, and closing the listener resets those that still wait (libuv 1.52).
  for (let before = -1, turns = 0; before < connections.arrived && turns < backlog && !isOver(); turns++) {
    before = connections.arrived
    await wholeTurn()
  }
  // The HTTP library's own way to close ends at once what looks idle to it.
  const ended = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()))
  await wholeTurn()
  server.close()
  connections.closeUnused(isOver() ? new Set() : plane.busyEnds())
  await ended
}

/** The first immediate may come before the sockets are looked at, the second comes after that. */
async function wholeTurn(): Promise<void> {
  await setImmediate()
  await setImmediate()
}
