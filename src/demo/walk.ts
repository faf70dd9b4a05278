import { isJsonObject, type Json } from '../base/json.ts'
import { ApiClient, type Reply } from './api-client.ts'
import { OAuthClient } from './oauth-client.ts'
import { billingAudience, ordersAudience } from './parties.ts'
import type { World } from './world.ts'

export interface Row {
  readonly title: string
  readonly passed: boolean
  /** What was seen. */
  readonly seen: string
}

interface Step {
  readonly title: string
  readonly take: () => Promise<Verdict>
}

interface Verdict {
  readonly passed: boolean
  readonly seen: string
}

export const goodOrder = {
  items: [{ sku: 'AB-1234', quantity: 2 }],
  shipTo: { name: 'Ada', street: 'Main Street 1', city: 'London', postalCode: 'NW1 6XE', country: 'GB' },
}

const refetchCooldownMs = 5000

/** Walks the end-to-end flows as clients would; a row each, in order, as they are done. */
export async function* walk(world: World): AsyncGenerator<Row> {
  const client = new ApiClient(world.origin, world.certificateFile)
  try {
    for (const { title, take } of await steps(world, client)) yield { title, ...(await attempt(take)) }
  } finally {
    await client.close()
  }
}

async function attempt(take: () => Promise<Verdict>): Promise<Verdict> {
  try {
    return await take()
  } catch (error) {
    return { passed: false, seen: error instanceof Error ? error.message : String(error) }
  }
}

async function steps(world: World, client: ApiClient): Promise<readonly Step[]> {
  const { api, authorizationServer, parties } = world
  const { shop, report, importer } = parties.services
  const oauth = await OAuthClient.discover(authorizationServer.issuer)
  let shopToken = ''
  let oldToken = ''
  let rotatedAtMs = 0

  /** A denial with this status and reason, of which the API saw nothing. */
  async function denied(ask: () => Promise<Reply>, status: number, reason: string): Promise<Verdict> {
    const before = api.seen
    const reply = await ask()
    const passed = reply.status === status && reasonOf(reply) === reason && api.seen === before
    return { passed, seen: `${reply.status} ${reasonOf(reply)}${pointerOf(reply)}` }
  }

  return [
    {
      title: 'token by client credentials (RFC 6749 4.4)',
      async take() {
        shopToken = await oauth.clientCredentials(shop, ordersAudience)
        const reply = await client.ask('/orders', { token: shopToken })
        return { passed: reply.status === 200, seen: `${reply.status} with scope ${shop.scope}` }
      },
    },
    {
      title: 'no token',
      take: () => denied(() => client.ask('/orders'), 401, 'credential_missing'),
    },
    {
      title: 'bad token',
      take: () =>
        denied(() => client.ask('/orders', { token: spoiled(shopToken) }), 401, 'credential_invalid'),
    },
    {
      title: 'wrong audience',
      async take() {
        const token = await oauth.clientCredentials(shop, billingAudience)
        return denied(() => client.ask('/orders', { token }), 401, 'credential_invalid')
      },
    },
    {
      title: 'missing scope',
      async take() {
        const token = await oauth.clientCredentials(report, ordersAudience)
        return denied(
          () => client.ask('/orders', { method: 'POST', token, body: goodOrder }),
          403,
          'scope_missing',
        )
      },
    },
    {
      title: 'unknown field in the body, two levels down',
      take: () => {
        const body = { ...goodOrder, items: [{ sku: 'AB-1234', quantity: 2, price: 0 }] }
        return denied(
          () => client.ask('/orders', { method: 'POST', token: shopToken, body }),
          400,
          'body_invalid',
        )
      },
    },
    {
      title: 'unknown query parameter',
      take: () =>
        denied(() => client.ask('/orders?admin=true', { token: shopToken }), 400, 'parameter_invalid'),
    },
    {
      title: 'good order, created and read back',
      async take() {
        const created = await client.ask('/orders', { method: 'POST', token: shopToken, body: goodOrder })
        const id = isJsonObject(created.body) ? created.body.id : null
        const read = await client.ask(`/orders/${String(id)}`, { token: shopToken })
        const same = JSON.stringify(read.body) === JSON.stringify(created.body)
        return {
          passed: created.status === 201 && read.status === 200 && same,
          seen: `${created.status}, then ${read.status}, same order`,
        }
      },
    },
    {
      title: 'token by authorization code + PKCE (RFC 7636), own orders only',
      async take() {
        const scope = 'openid orders:read orders:write'
        const token = await oauth.authorizationCode(parties.app, 'ada', scope, ordersAudience)
        const created = await client.ask('/orders', { method: 'POST', token, body: goodOrder })
        const mine = await client.ask('/orders', { token })
        const count = ordersIn(mine.body)
        return {
          passed: created.status === 201 && mine.status === 200 && count === 1,
          seen: `${created.status}, then ${mine.status} with ${count} order`,
        }
      },
    },
    {
      title: 'key rotation at the authorization server, no request failed',
      async take() {
        oldToken = shopToken
        const statuses: number[] = []
        const asking = (async () => {
          for (let i = 0; i < 20; i++)
            statuses.push((await client.ask('/orders', { token: oldToken })).status)
        })()
        authorizationServer.announceKey()
        authorizationServer.promoteKey()
        const newToken = await oauth.clientCredentials(report, ordersAudience)
        rotatedAtMs = Date.now()
        const together = Array.from({ length: 10 }, () => client.ask('/orders', { token: newToken }))
        for (const reply of await Promise.all(together)) statuses.push(reply.status)
        await asking
        const failed = statuses.filter((status) => status !== 200).length
        return {
          passed: failed === 0 && statuses.length === 30,
          seen: `${statuses.length} requests under both keys, ${failed} failed`,
        }
      },
    },
    {
      title: 'quota exhausted',
      async take() {
        const token = await oauth.clientCredentials(importer, ordersAudience)
        let created = 0
        for (;;) {
          const before = api.seen
          const reply = await client.ask('/orders', { method: 'POST', token, body: goodOrder })
          if (reply.status === 201 && created < 20) {
            created++
            continue
          }
          const retry = String(reply.headers['retry-after'])
          const limits = String(reply.headers.ratelimit)
          const told = /^[1-9]\d*$/.test(retry) && /"orders-placed";r=0;t=\d+/.test(limits)
          const passed =
            reply.status === 429 && reasonOf(reply) === 'quota-exceeded' && told && api.seen === before
          return {
            passed,
            seen: `${created} created, then ${reply.status}, Retry-After: ${retry}, RateLimit: ${limits}`,
          }
        }
      },
    },
    {
      title: 'a withdrawn key opens nothing any more',
      async take() {
        await new Promise((resolve) =>
          setTimeout(resolve, rotatedAtMs + refetchCooldownMs + 200 - Date.now()),
        )
        authorizationServer.announceKey()
        authorizationServer.promoteKey()
        authorizationServer.withdrawKeys()
        const newToken = await oauth.clientCredentials(report, ordersAudience)
        const fresh = await client.ask('/orders', { token: newToken })
        const old = await denied(() => client.ask('/orders', { token: oldToken }), 401, 'credential_invalid')
        return {
          passed: fresh.status === 200 && old.passed,
          seen: `new key ${fresh.status}, withdrawn key ${old.seen}`,
        }
      },
    },
  ]
}

function reasonOf({ body }: Reply): string {
  const type = isJsonObject(body) ? body.type : null
  return typeof type === 'string' ? type.replace(/^.*[:#]/, '') : ''
}

function pointerOf({ body }: Reply): string {
  const errors = isJsonObject(body) ? body.errors : undefined
  const first = Array.isArray(errors) ? (errors[0] as Json) : null
  return first !== null && isJsonObject(first) ? ` at ${String(first.in)} ${String(first.pointer)}` : ''
}

function ordersIn(body: Json): number {
  const orders = isJsonObject(body) ? body.orders : null
  return Array.isArray(orders) ? orders.length : -1
}

/** The same token with one octet of its signature changed. */
function spoiled(token: string): string {
  const last = token.charAt(token.length - 10)
  return `${token.slice(0, -10)}${last === 'A' ? 'B' : 'A'}${token.slice(-9)}`
}
