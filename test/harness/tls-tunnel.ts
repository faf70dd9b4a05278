import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { createServer } from 'node:tls'

/** Ends TLS before a server that speaks none, as stunnel does. */
export async function startTlsTunnel(
  to: number,
  certificate: { readonly cert: string; readonly key: string },
): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const open = new Set<Socket>()
  const server = createServer(
    { cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) },
    (outer) => {
      const inner = connect(to, '127.0.0.1')
      for (const [one, other] of [
        [outer, inner],
        [inner, outer],
      ] as const) {
        open.add(one)
        one.on('error', () => {})
        one.once('close', () => {
          open.delete(one)
          other.destroy()
        })
        one.pipe(other)
      }
    },
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const one of open) one.destroy()
      await closed
    },
  }
}
