import type { Peer } from '../../base/message.ts'
import type { Client } from '../admit/client-address.ts'
import { allow, type Decision, deny } from '../decision.ts'
import type { FieldTable } from '../parse/head.ts'
import type { Certificates, ClientCertificate } from '../ports.ts'

const none = allow<ClientCertificate | null>(null)

/**
 * Finds the client's certificate: that of the handshake, or, behind a trusted proxy that ends TLS, the one it forwards. A
 * proxy's own certificate is not the client's; from anyone else the forwarding fields say nothing (attack B9).
 * @see RFC 9440 2, 4
 */
export function shownCertificate(
  peer: Peer,
  fields: FieldTable,
  { viaTrustedProxy }: Client,
  certificates: Certificates,
): Decision<ClientCertificate | null> {
  if (!viaTrustedProxy) return peer.certificates ? allow(certificates.read(peer.certificates)) : none
  const [leaf, ...more] = fields.all('client-cert')
  if (leaf === undefined) return none
  if (more.length > 0) return deny('authenticate', 'malformed_request', 'Client-Cert stands twice')
  const read = certificates.readForwarded(leaf, fields.get('client-cert-chain'))
  return read === 'unreadable'
    ? deny('authenticate', 'malformed_request', 'Client-Cert cannot be read')
    : allow(read)
}
