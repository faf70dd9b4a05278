import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as an upstream got it. */
export interface SeenRequest {
  readonly method: string
  readonly target: string
  /** Name, value, name, value … as on the wire. */
  readonly headers: readonly string[]
  readonly body: string
  /** The same as it came. */
  readonly octets: Buffer
}

export interface TestUpstream {
  readonly url: string
  /** Every request whose head arrived, in order. */
  readonly seen: readonly SeenRequest[]
  /** Heads that arrived, whether or not their bodies ever did. */
  readonly heads: number
  /** Answers from here on are made by this; it must end the response. */
  answer: (response: ServerResponse, request: IncomingMessage) => void
  stop(): Promise<void>
}

/** An upstream that records what reaches it. */
export async function startUpstream(): Promise<TestUpstream> {
  const seen: SeenRequest[] = []
  let heads = 0
  const server = createServer(async (request, response) => {
    heads++
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer)
    } catch {
      return
    }
    const { method = '', url: target = '', rawHeaders: headers } = request
    const octets = Buffer.concat(chunks)
    seen.push({ method, target, headers, body: octets.toString('utf8'), octets })
    upstream.answer(response, request)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const upstream: TestUpstream = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    get heads() {
      return heads
    },
    answer: (response) => {
      response.setHeader('Content-Type', 'application/json')
      response.end('{"ok":true}')
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return upstream
}

/** The value of a header as the upstream got it; null when it did not. */
export function headerOf({ headers }: SeenRequest, name: string): string | null {
  for (let i = 0; i + 1 < headers.length; i += 2)
    if (headers[i]?.toLowerCase() === name.toLowerCase()) return headers[i + 1] ?? null
  return null
}
