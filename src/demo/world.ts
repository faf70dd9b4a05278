import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseDocument } from 'yaml'
import { createGateway, type RunningGateway } from '../app/create-gateway.ts'
import { ensureDevelopmentCertificate } from '../app/development-certificate.ts'
import { type AuthorizationServer, startAuthorizationServer } from './authorization-server.ts'
import { type OrdersApi, startOrdersApi } from './orders-api.ts'
import { createParties, type Parties } from './parties.ts'

/** Everything the demo runs, on loopback: the API, the authorization server, the gate in front. */
export interface World {
  readonly api: OrdersApi
  readonly authorizationServer: AuthorizationServer
  readonly gateway: RunningGateway
  readonly parties: Parties
  /** `https://localhost:PORT`, as clients reach the gate. */
  readonly origin: string
  /** PEM file that clients trust. */
  readonly certificateFile: string
  /** The gate's log, JSON lines. */
  readonly logFile: string
  stop(): Promise<void>
}

const example = fileURLToPath(new URL('../../examples/orders/', import.meta.url))

/** Ports of the example's files, taken when they are free. */
const usualPorts = { gateway: 8443, api: 8444, authorizationServer: 8445, admin: 8446 }

/**
 * Starts the world from `examples/orders`.
 * @param ports `usual` prefers the ports written in the example; `free` takes whatever is free
 */
export async function startWorld(ports: 'usual' | 'free'): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-demo-'))
  const stops: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
  const stop = async () => {
    for (const end of stops.reverse()) await end()
  }
  const port = (usual: number) => (ports === 'usual' ? freeOr(usual) : Promise.resolve(0))
  try {
    const parties = createParties()
    const api = await startOrdersApi(join(folder, 'orders.sqlite'), await port(usualPorts.api))
    stops.push(() => api.stop())
    const authorizationServer = await startAuthorizationServer(
      parties,
      await port(usualPorts.authorizationServer),
    )
    stops.push(() => authorizationServer.stop())
    const certificate = await ensureDevelopmentCertificate(join(folder, 'tls'))
    const configurationFile = writeConfiguration(folder, {
      api: api.url,
      issuer: authorizationServer.issuer,
      gatewayPort: await port(usualPorts.gateway),
      adminPort: await port(usualPorts.admin),
    })
    const logFile = join(folder, 'gateway.log')
    const gateway = await createGateway({ configurationFile, log: appendTo(logFile) })
    stops.push(() => gateway.stop())
    await gateway.ready
    const { port: bound } = new URL(gateway.addresses.https ?? '')
    return {
      api,
      authorizationServer,
      gateway,
      parties,
      origin: `https://localhost:${bound}`,
      certificateFile: certificate.cert,
      logFile,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

interface Places {
  readonly api: string
  readonly issuer: string
  readonly gatewayPort: number
  readonly adminPort: number
}

/** The example's own configuration, with the addresses of this run. */
function writeConfiguration(folder: string, places: Places): string {
  const document = parseDocument(readFileSync(join(example, 'portcullis.yaml'), 'utf8'))
  document.setIn(['contract'], join(example, 'openapi.yaml'))
  document.setIn(['listen', 'https', 'port'], places.gatewayPort)
  document.setIn(['listen', 'admin', 'port'], places.adminPort)
  document.setIn(['upstreams', 'default', 'url'], places.api)
  document.setIn(['identity', 'ordersAuth', 'issuer'], places.issuer)
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'portcullis.yaml')
  writeFileSync(file, document.toString())
  return file
}

function appendTo(file: string): (lines: string) => void {
  return (lines) => writeFileSync(file, lines, { flag: 'a', mode: 0o600 })
}

/** The port itself when nobody listens there, else 0 for any. */
function freeOr(port: number): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(0))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(port)))
  })
}
