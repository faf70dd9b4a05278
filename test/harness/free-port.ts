import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Below those that a system gives to whoever asks for any: connections, and listeners on port 0. A port from there could go
 * to one of these before its server listens, or while it is away. A node of a Redis cluster listens 10 000 above its port too.
 */
const [lowest, highest] = [10_000, 22_767]
const given = new Set<number>()

/** A port of loopback that nobody listens on at this moment. Each is given once. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(lowest, highest)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
