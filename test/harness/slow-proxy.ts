import { connect, createServer, type Socket } from 'node:net'

/** Passes octets on to a port of loopback, each way after a while. */
export interface SlowProxy {
  readonly port: number
  delayMs: number
  stop(): Promise<void>
}

export async function startSlowProxy(target: number): Promise<SlowProxy> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (octets) => {
        if (proxy.delayMs === 0) to.write(octets)
        else setTimeout(() => to.writable && to.write(octets), proxy.delayMs)
      })
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const proxy: SlowProxy = {
    port: typeof address === 'object' && address ? address.port : 0,
    delayMs: 0,
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return proxy
}
