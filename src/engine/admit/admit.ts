import type { Peer } from '../../base/message.ts'
import { type Decision, deny } from '../decision.ts'
import type { Head } from '../parse/head.ts'
import { type Admission, addressAllowed } from './admission.ts'
import { type Client, clientAddress } from './client-address.ts'

/** Decides who is at the door, before anything is computed on behalf of the request. */
export function admit(admission: Admission, peer: Peer, head: Head): Decision<Client> {
  const client = clientAddress(peer.address, head.fields, admission.trustedProxies)
  if (!client.allow) return client
  if (!addressAllowed(admission.addresses, client.value.address)) {
    return deny('admit', 'address_denied', 'by the address lists of the gateway')
  }
  // RFC 9110 7.4: this server is not authoritative for other hosts.
  if (admission.hosts.size > 0 && !hostAccepted(admission.hosts, head.host)) {
    return deny('admit', 'misdirected_request', 'Host is none of the configured ones')
  }
  // ATTACK: E5, a connection opened for one name is reused for another to meet laxer rules.
  if (peer.serverName !== undefined && admission.hosts.size > 0 && peer.serverName !== hostName(head.host)) {
    return deny('admit', 'misdirected_request', 'Host differs from the TLS server name')
  }
  return client
}

function hostAccepted(hosts: ReadonlySet<string>, host: string): boolean {
  return hosts.has(host) || hosts.has(hostName(host))
}

function hostName(host: string): string {
  const port = host.lastIndexOf(':')
  return port > host.lastIndexOf(']') ? host.slice(0, port) : host
}
