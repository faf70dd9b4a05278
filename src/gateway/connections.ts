import type { Server, Socket } from 'node:net'
import { type Member, Roster } from '../base/roster.ts'

const maxConnections = 20_000
const maxPerPeer = 1000

/** Open connections of one listener. */
export interface Connections {
  readonly size: number
  /** Closes those on which no request is under way. */
  closeUnused(busyEnds: ReadonlySet<string>): void
}

/** The other end of a connection: the same for a TLS socket and the TCP socket under it. */
export function endOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

/**
 * Bounds open connections, in all and for each socket peer; what is over is closed before a byte of it is read.
 * @param exempt whether a peer (a load balancer) may hold as many as it likes
 */
export function boundConnections(server: Server, exempt: (address: string) => boolean): Connections {
  const held = new Map<string, number>()
  const open = new Roster<Member & { readonly socket: Socket }>()
  server.maxConnections = maxConnections
  server.prependListener('connection', (socket) => {
    const address = socket.remoteAddress
    const count = (held.get(address ?? '') ?? 0) + 1
    if (address === undefined || (count > maxPerPeer && !exempt(address))) return void socket.destroy()
    held.set(address, count)
    const connection = { socket, place: -1 }
    open.add(connection)
    socket.once('close', () => {
      open.delete(connection)
      const left = (held.get(address) ?? 1) - 1
      if (left === 0) held.delete(address)
      else held.set(address, left)
    })
  })
  return {
    get size() {
      return open.size
    },
    closeUnused(busyEnds) {
      for (const { socket } of open) if (!busyEnds.has(endOf(socket))) socket.destroy()
    },
  }
}
