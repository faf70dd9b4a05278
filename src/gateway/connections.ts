import type { Server, Socket } from 'node:net'
import { networkOf, parseIp } from '../base/ip.ts'
import { type Member, Roster } from '../base/roster.ts'

/** Open connections of one listener. */
export interface Connections {
  readonly size: number
  /** Connections that ever came, those that were refused among them. */
  readonly arrived: number
  /** Closes those on which no request is under way. */
  closeUnused(busyEnds: ReadonlySet<string>): void
}

/** Why a connection ended without a request. */
export type Unserved = 'connections' | 'connectionsPerAddress' | 'overloaded' | 'handshake' | 'silent'

/** Counts open connections. One that is shared by threads may stand behind it. */
export interface ConnectionCounts {
  /** Counts one in, or names the bound that it would break and leaves it out. */
  enter(address: string, exempt: boolean): 'connections' | 'connectionsPerAddress' | null
  leave(address: string): void
  readonly open: number
}

/** Bounds of one thread: in all, and for each socket peer that is not exempt. */
export function countConnections(bounds: {
  readonly connections: number
  readonly connectionsPerAddress: number
}): ConnectionCounts {
  const held = new Map<string, number>()
  let open = 0
  return {
    enter(address, exempt) {
      const count = (held.get(address) ?? 0) + 1
      if (open >= bounds.connections) return 'connections'
      if (!exempt && count > bounds.connectionsPerAddress) return 'connectionsPerAddress'
      held.set(address, count)
      open++
      return null
    },
    leave(address) {
      open--
      const left = (held.get(address) ?? 1) - 1
      if (left === 0) held.delete(address)
      else held.set(address, left)
    },
    get open() {
      return open
    },
  }
}

/** The other end of a connection: the same for a TLS socket and the TCP socket under it. */
export function endOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

const ipv6PrefixBits = 64

/** ATTACK: F1, whoever is given a /64 would come from another address each time; and one of IPv4 has two spellings. */
function clientOf(address: string): string {
  const parsed = parseIp(address)
  return parsed ? networkOf(parsed, ipv6PrefixBits) : address
}

/** Who may connect to the listeners. */
export interface Door {
  readonly counts: ConnectionCounts
  /** Whether a peer (a load balancer) may hold as many as it likes. */
  exempt(address: string): boolean
  /** Not even a handshake can be afforded now. */
  overloaded(): boolean
  unserved(why: Unserved): void
}

/**
 * What is over a bound is closed before a byte of it is read: whoever else listens for connections hears only of those let in.
 * Called when all of them listen. (Told of one that is closed, TLS would begin a handshake, and count it as one that failed.)
 */
export function boundConnections(server: Server, door: Door): Connections {
  const open = new Roster<Member & { readonly socket: Socket }>()
  const takers = server.listeners('connection')
  let arrived = 0
  server.removeAllListeners('connection').on('connection', (socket: Socket) => {
    arrived++
    const address = socket.remoteAddress
    if (address === undefined) return void socket.destroy()
    const exempt = door.exempt(address)
    // Neighbours of a proxy are no proxies: what it holds is not theirs.
    const countedAs = exempt ? address : clientOf(address)
    const refused = door.overloaded() ? 'overloaded' : door.counts.enter(countedAs, exempt)
    if (refused !== null) {
      door.unserved(refused)
      return void socket.destroy()
    }
    const connection = { socket, place: -1 }
    open.add(connection)
    socket.once('close', () => {
      open.delete(connection)
      door.counts.leave(countedAs)
    })
    for (const take of takers) take.call(server, socket)
  })
  return {
    get size() {
      return open.size
    },
    get arrived() {
      return arrived
    },
    closeUnused(busyEnds) {
      for (const { socket } of open) if (!busyEnds.has(endOf(socket))) socket.destroy()
    },
  }
}
