import { Agent, request } from 'node:http'

/** What came back, by status. */
export interface Driven {
  readonly allowed: number
  readonly denied: number
  /** 503. */
  readonly unavailable: number
  /** Everything else, failed connections too. */
  readonly other: number
}

const clients = 64

/** Sends requests from many clients at once, to several gateways in turns. */
export async function drive(
  origins: readonly string[],
  path: string,
  token: string,
  count: number,
  onAnswer: (status: number) => void = () => {},
): Promise<Driven> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const statuses = new Map<number, number>()
  let sent = 0
  const client = async () => {
    while (sent < count) {
      const origin = origins[sent++ % origins.length] as string
      const status = await statusOf(`${origin}${path}`, token, agent)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      onAnswer(status)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  agent.destroy()
  const of = (status: number) => statuses.get(status) ?? 0
  const [allowed, denied, unavailable] = [of(200), of(429), of(503)]
  return { allowed, denied, unavailable, other: count - allowed - denied - unavailable }
}

function statusOf(url: string, token: string, agent: Agent): Promise<number> {
  return new Promise((resolve) => {
    const sent = request(url, { agent, headers: { authorization: `Bearer ${token}` } }, (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode ?? 0))
    })
    sent.once('error', () => resolve(0))
    sent.end()
  })
}
