import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isJsonObject, type JsonObject } from '../base/json.ts'
import { type Order, OrderStore } from './order-store.ts'

/** The API behind the gate: it trusts the gate for who calls and for the shape of what comes in. */
export interface OrdersApi {
  readonly url: string
  /** Requests that reached the API since it started, of any kind. */
  readonly seen: number
  stop(): Promise<void>
}

interface Call {
  /** The owner the gate vouches for; empty on public operations. */
  readonly owner: string
  readonly query: URLSearchParams
  /** Path parameters in order. */
  readonly captured: readonly string[]
  readonly body: JsonObject
}

interface Reply {
  readonly status: number
  readonly body: object
  readonly location?: string
}

interface Endpoint {
  readonly method: string
  readonly path: RegExp
  readonly reply: (store: OrderStore, call: Call) => Reply
}

const endpoints: readonly Endpoint[] = [
  { method: 'GET', path: /^\/health$/, reply: () => ({ status: 200, body: { status: 'ok' } }) },
  { method: 'GET', path: /^\/orders$/, reply: listOrders },
  { method: 'POST', path: /^\/orders$/, reply: createOrder },
  { method: 'GET', path: /^\/orders\/([^/]+)$/, reply: getOrder },
  { method: 'PATCH', path: /^\/orders\/([^/]+)$/, reply: updateOrder },
  { method: 'POST', path: /^\/orders\/([^/]+)\/cancellation$/, reply: cancelOrder },
]

/**
 * Serves `examples/orders/openapi.yaml` in plain HTTP on loopback, without any check of its own: what is checked,
 * the gate has checked.
 *
 * @param databaseFile path of the SQLite file, or `:memory:`
 * @param port 0 takes a free one
 */
export async function startOrdersApi(databaseFile: string, port: number): Promise<OrdersApi> {
  const store = new OrderStore(databaseFile)
  let seen = 0
  const server = createServer((request, response) => {
    seen++
    answer(store, request, response).catch(() => {
      if (!response.headersSent) response.writeHead(500)
      response.end()
    })
  })
  await listen(server, port)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get seen() {
      return seen
    },
    async stop() {
      await close(server)
      store.close()
    },
  }
}

async function answer(store: OrderStore, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://orders.internal')
  const body = await readJson(request)
  const reply = dispatch(store, request, url, body)
  const bytes = Buffer.from(JSON.stringify(reply.body))
  response.writeHead(reply.status, {
    'Content-Type': reply.status < 400 ? 'application/json' : 'application/problem+json',
    'Content-Length': bytes.length,
    ...(reply.location === undefined ? {} : { Location: reply.location }),
  })
  response.end(bytes)
}

function dispatch(store: OrderStore, request: IncomingMessage, url: URL, body: JsonObject): Reply {
  for (const { method, path, reply } of endpoints) {
    const match = method === request.method ? path.exec(url.pathname) : null
    if (!match) continue
    const owner = request.headers['x-user-id']
    const call = { query: url.searchParams, captured: match.slice(1), body }
    return reply(store, { owner: typeof owner === 'string' ? owner : '', ...call })
  }
  return problem(404, 'No such resource')
}

function listOrders(store: OrderStore, { owner, query }: Call): Reply {
  return {
    status: 200,
    body: { orders: store.list(owner, query.get('status'), Number(query.get('limit') ?? 20)) },
  }
}

function createOrder(store: OrderStore, { owner, body }: Call): Reply {
  const order = store.create(owner, body)
  return { status: 201, body: order, location: `/orders/${order.id}` }
}

function getOrder(store: OrderStore, { owner, captured }: Call): Reply {
  const order = store.read(owner, captured[0] as string)
  return order ? { status: 200, body: order } : problem(404, 'No such order')
}

function updateOrder(store: OrderStore, { owner, captured, body }: Call): Reply {
  return change(store, owner, captured[0] as string, (order) => ({
    ...order,
    // RFC 7396: an absent member stays, null removes
    shipTo: body.shipTo ?? order.shipTo,
    note: body.note === undefined ? order.note : (body.note as string | null),
  }))
}

function cancelOrder(store: OrderStore, { owner, captured }: Call): Reply {
  return change(store, owner, captured[0] as string, (order) => ({ ...order, status: 'cancelled' }))
}

function change(store: OrderStore, owner: string, id: string, make: (order: Order) => Order): Reply {
  const order = store.read(owner, id)
  if (!order) return problem(404, 'No such order')
  const changed = store.update(owner, make(order))
  return changed ? { status: 200, body: changed } : problem(409, `The order is ${order.status}`)
}

function problem(status: number, title: string): Reply {
  return { status, body: { type: 'about:blank', title, status } }
}

async function readJson(request: IncomingMessage): Promise<JsonObject> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  if (chunks.length === 0) return {}
  const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
  return isJsonObject(value) ? value : {}
}

/** @param port 0 takes a free one */
export function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
}

export function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
