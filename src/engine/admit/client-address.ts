import { type Cidr, contains, type IpAddress, parseIp } from '../../base/ip.ts'
import { allow, type Decision, deny } from '../decision.ts'
import type { FieldTable } from '../parse/head.ts'

export interface Client {
  readonly address: IpAddress
  /** The socket peer is a configured proxy: its request id and trace context are believed. */
  readonly viaTrustedProxy: boolean
  /** Forwarding fields came that were ignored: from a peer that is no trusted proxy, or `Forwarded` alone from one that is. */
  readonly forwardingIgnored: boolean
}

const maxHops = 32

/**
 * Finds the client's address: the socket peer, or, behind trusted proxies, the first address from the right of
 * `X-Forwarded-For` that is not one of them. What stands further left is the client's own claim (attack B5).
 */
export function clientAddress(
  peerAddress: string,
  fields: FieldTable,
  trustedProxies: readonly Cidr[],
): Decision<Client> {
  const peer = parseIp(peerAddress)
  if (!peer) return deny('admit', 'address_denied', 'the socket peer has no readable address')
  const forwarded = fields.get('x-forwarded-for')
  const viaTrustedProxy = isTrusted(peer, trustedProxies)
  if (!viaTrustedProxy || forwarded === null) {
    const forwardingIgnored = forwarded !== null || fields.get('forwarded') !== null
    return allow({ address: peer, viaTrustedProxy, forwardingIgnored })
  }
  const hops = forwarded.split(',')
  if (hops.length > maxHops) return deny('admit', 'malformed_request', 'X-Forwarded-For is too long')
  let address = peer
  for (let i = hops.length - 1; i >= 0; i--) {
    const hop = readHop((hops[i] as string).trim())
    if (!hop) return deny('admit', 'malformed_request', 'a trusted proxy sent an unreadable X-Forwarded-For')
    address = hop
    if (!isTrusted(hop, trustedProxies)) break
  }
  return allow({ address, viaTrustedProxy, forwardingIgnored: false })
}

/** An address, with or without brackets and port: some proxies write `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function readHop(text: string): IpAddress | null {
  const withPort = /^(?:\[([^[\]]+:[^[\]]+)\](?::\d{1,5})?|(\d[\d.]+):\d{1,5})$/.exec(text)
  return parseIp(withPort?.[1] ?? withPort?.[2] ?? text)
}

export function isTrusted(address: IpAddress, trustedProxies: readonly Cidr[]): boolean {
  return trustedProxies.length > 0 && trustedProxies.some((cidr) => contains(cidr, address))
}
