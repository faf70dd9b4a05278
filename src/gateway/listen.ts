import { constants } from 'node:crypto'
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { fileOf, type NamedFiles } from '../program/named-files.ts'
import type { Bounds, HttpListen, HttpsListen } from '../program/settings.ts'
import { boundConnections, type Connections } from './connections.ts'
import type { DataPlane } from './data-plane.ts'
import { type OpenServer, open } from './open-server.ts'

/** Looks for slow heads at least so often. */
const maxCheckMs = 2000

/** Bounds of slow and large heads (attack E3); the engine has tighter ones for what it understands. */
function optionsFor(bounds: Bounds): ServerOptions {
  return {
    insecureHTTPParser: false,
    // The engine answers a missing Host itself, with a record.
    requireHostHeader: false,
    maxHeaderSize: bounds.headBytes,
    headersTimeout: bounds.headTimeoutMs,
    requestTimeout: bounds.requestTimeoutMs,
    keepAliveTimeout: bounds.idleTimeoutMs,
    connectionsCheckingInterval: Math.min(maxCheckMs, Math.ceil(bounds.headTimeoutMs / 2)),
    noDelay: true,
  }
}

/** What the workers of one process have in common at their sockets. */
export interface SharedSockets {
  /** Several threads listen on each port. */
  readonly reusePort: boolean
  /** 48 octets for session tickets: what one thread hands out, another takes (RFC 5077 4). */
  readonly ticketKeys: Uint8Array
}

export interface Listener extends OpenServer {
  readonly connections: Connections
}

export async function listenHttps(
  settings: HttpsListen,
  files: NamedFiles,
  bounds: Bounds,
  plane: DataPlane,
  { reusePort, ticketKeys }: SharedSockets,
): Promise<Listener> {
  const server = createTlsServer({
    ...optionsFor(bounds),
    handshakeTimeout: bounds.handshakeTimeoutMs,
    ...secureOptions(settings, files),
    ticketKeys: Buffer.from(ticketKeys),
    requestCert: settings.clientCa !== null,
    rejectUnauthorized: false,
  })
  const connections = attach(server, plane)
  return {
    ...(await open(server, { ...settings, reusePort }, 'listen.https', (error) =>
      plane.missedConnection(error),
    )),
    connections,
  }
}

export async function listenPlaintext(
  settings: HttpListen,
  bounds: Bounds,
  plane: DataPlane,
  { reusePort }: SharedSockets,
): Promise<Listener> {
  const server = createServer(optionsFor(bounds))
  const connections = attach(server, plane)
  return {
    ...(await open(server, { ...settings, reusePort }, 'listen.http', (error) =>
      plane.missedConnection(error),
    )),
    connections,
  }
}

/** A listener that serves nothing but where to go instead. */
export async function listenRedirect(
  settings: HttpListen,
  bounds: Bounds,
  plane: DataPlane,
  { reusePort }: SharedSockets,
  redirect: RequestListener,
): Promise<Listener> {
  const server = createServer(optionsFor(bounds))
  const connections = attach(server, plane, (message, response) => {
    if (plane.answersOnce(message.socket)) redirect(message, response)
  })
  return {
    ...(await open(server, { ...settings, reusePort }, 'listen.http', (error) =>
      plane.missedConnection(error),
    )),
    connections,
  }
}

/**
 * What `renewCertificate` takes.
 * @throws Error when it cannot be served
 */
export function certificateFor(settings: HttpsListen, files: NamedFiles): SecureContextOptions {
  const options = secureOptions(settings, files)
  createSecureContext(options)
  return options
}

/** New connections get the new certificate; those that stand keep theirs. */
export function renewCertificate(server: Server | TlsServer, certificate: SecureContextOptions): void {
  if ('setSecureContext' in server) server.setSecureContext(certificate)
}

/**
 * INVARIANT: the handshake asks for a certificate and lets everyone in; the engine decides for each operation. A session is
 * not resumed where certificates are asked for, because a resumed one knows them only from the client's own ticket.
 * @see RFC 8446 4.4.2, 4.6.1; RFC 5077
 */
function secureOptions({ cert, key, clientCa }: HttpsListen, files: NamedFiles): SecureContextOptions {
  const resumption = clientCa === null ? 0 : constants.SSL_OP_NO_TICKET
  return {
    cert: fileOf(files, cert),
    key: fileOf(files, key),
    ...(clientCa !== null && { ca: fileOf(files, clientCa) }),
    minVersion: 'TLSv1.2',
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | resumption,
  }
}

function attach(server: Server | TlsServer, plane: DataPlane, redirect?: RequestListener): Connections {
  // INVARIANT: 0 means all. With a bound, Node drops further fields silently, and the engine would judge half a head.
  server.maxHeadersCount = 0
  server.on('request', redirect ?? ((message, response) => plane.serve(message, response)))
  server.on('checkContinue', redirect ?? ((message, response) => plane.serve(message, response, true)))
  server.on('checkExpectation', redirect ?? ((message, response) => plane.serve(message, response)))
  server.on('clientError', (error, socket) => plane.refuseUnreadable(error, socket))
  server.on('connect', (message, socket) => plane.refuseConnect(message, socket))
  return boundConnections(server, plane.door)
}
