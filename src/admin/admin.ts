import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'

/** What the admin listener tells about; asked anew for each request. */
export interface AdminView {
  /** Why the gateway takes no traffic yet, or no more; empty when it is ready. */
  readonly unready: () => Promise<readonly string[]>
  /** Prometheus text format 0.0.4, or OpenMetrics where `Accept` names it. */
  readonly metrics: (accept: string) => Promise<{ readonly type: string; readonly body: string }>
  /** Why a request was denied; null when nothing is known of it, `busy` when too many ask. */
  readonly denial: (requestId: string) => Promise<object | null | 'busy'>
}

const maxConnections = 256

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

/**
 * Health and metrics, on a listener of their own, so that no path of the data plane is an exception (attack B6).
 * @param token demanded as bearer token on all but `/livez`, which tells nothing, when set
 */
export function createAdminServer(view: AdminView, token: string | null) {
  const server = createServer((request, response) => {
    answer(request, view, token).then(
      (found) => send(response, found),
      () => send(response, text(500, 'a defect; the log may say more\n')),
    )
  })
  server.headersTimeout = 5000
  server.requestTimeout = 10_000
  closeLongestOpen(server)
  return server
}

/** ATTACK: E3, whoever holds connections keeps nobody from asking for health: the one that is open longest makes way. */
function closeLongestOpen(server: Server): void {
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    const [longest] = open
    if (!longest || open.size <= maxConnections) return
    open.delete(longest)
    longest.destroy()
  })
}

async function answer(request: IncomingMessage, view: AdminView, token: string | null): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'only GET and HEAD\n')
  if (request.url === '/livez') return text(200, 'alive\n')
  if (token !== null && !carries(request, token)) return text(401, 'a bearer token is needed\n')
  if (request.url === '/readyz') {
    const unready = await view.unready()
    return unready.length === 0 ? text(200, 'ready\n') : text(503, `${unready.join('\n')}\n`)
  }
  if (request.url === '/metrics')
    return { status: 200, ...(await view.metrics(request.headers.accept ?? '')) }
  const [, requestId] = /^\/denials\/([\w.:-]{1,128})$/.exec(request.url ?? '') ?? []
  if (requestId !== undefined) return denial(view, requestId)
  return text(404, 'here are /livez, /readyz, /metrics and /denials/REQUEST_ID\n')
}

async function denial(view: AdminView, requestId: string): Promise<Answer> {
  const found = await view.denial(requestId)
  if (found === 'busy') return text(503, 'too many ask at this time\n')
  if (found === null) return text(404, 'no denial of this request is known\n')
  return { status: 200, type: 'application/json', body: `${JSON.stringify(found)}\n` }
}

function text(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body }
}

function carries(request: IncomingMessage, token: string): boolean {
  const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  // Equal lengths, so that the comparison takes one time for all.
  return given !== undefined && timingSafeEqual(sha256(given), sha256(token))
}

function sha256(value: string): Buffer {
  return createHash('sha256').update(value).digest()
}

function send(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(status === 401 && { 'WWW-Authenticate': 'Bearer' }),
    ...(status === 405 && { Allow: 'GET, HEAD' }),
  })
  response.end(body)
}
