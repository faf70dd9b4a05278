import { Agent, request } from 'node:http'

// Sends what it is told from a process of its own, so that whoever started it may stand still meanwhile.
// Arguments: origin, how many preflights, how many requests for nothing.

const [origin = '', preflights = '0', misses = '0'] = process.argv.slice(2)
const agent = new Agent({ keepAlive: true, maxSockets: 32 })
const headers = {
  'User-Agent': 'a'.repeat(500),
  Origin: 'https://app.example.com',
  'Access-Control-Request-Method': 'GET',
}

await send(Number(preflights), 'OPTIONS', '/public', 204)
await send(Number(misses), 'GET', '/nothing', 404)
agent.destroy()

async function send(count: number, method: string, path: string, wanted: number): Promise<void> {
  let sent = 0
  const client = async () => {
    while (sent++ < count) {
      const status = await statusOf(method, path)
      if (status !== wanted) throw new Error(`${method} ${path}: ${status}`)
    }
  }
  await Promise.all(Array.from({ length: 32 }, client))
}

function statusOf(method: string, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(`${origin}${path}`, { agent, method, headers }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode))
    })
    sent.once('error', reject).end()
  })
}
