import type { Server } from 'node:http'
import type { Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { codeOfError, OwnError } from '../base/code-of-error.ts'

/** A listener that cannot be opened. The message says which key of the configuration to mend. */
export class ListenError extends OwnError {}

export interface Place {
  readonly host: string
  readonly port: number
  /** Other threads of this process open it as well. */
  readonly reusePort?: boolean
}

export interface OpenServer {
  readonly server: Server | TlsServer
  /** As bound: a port of 0 has become the one that was free. */
  readonly address: { readonly host: string; readonly port: number }
}

export function originOf(scheme: 'http' | 'https', { address: { host, port } }: OpenServer): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/**
 * Opens a server's socket.
 * @param key of the configuration, for the message when it cannot be opened
 * @param onError told of connections that could not be taken later on, e.g. for want of file descriptors
 * @throws ListenError
 */
export function open(
  server: Server | TlsServer,
  { host, port, reusePort = false }: Place,
  key: string,
  onError: (error: Error) => void,
): Promise<OpenServer> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port, key)))
    server.listen({ port, host, reusePort }, () => {
      server.removeAllListeners('error').on('error', onError)
      const bound = server.address() as AddressInfo
      resolve({ server, address: { host: bound.address, port: bound.port } })
    })
  })
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number, key: string): ListenError {
  switch (error.code) {
    case 'EADDRINUSE':
      return new ListenError(
        `${key}: port ${port} on ${host} is taken; stop what listens there, or write another ${key}.port`,
      )
    case 'EACCES':
      return new ListenError(
        `${key}: port ${port} needs privileges this process lacks; write a ${key}.port from 1024 up`,
      )
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new ListenError(
        `${key}: ${host} is no address of this machine; write another ${key}.host, or 0.0.0.0 for all`,
      )
    default:
      return new ListenError(`${key}: cannot listen on ${host} port ${port} (${codeOfError(error)})`)
  }
}
