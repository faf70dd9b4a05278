import { readFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An upstream that counts octets and throws them away: all memory that grows is the gateway's. */
export interface Sink {
  readonly url: string
  received: number
  stop(): void
}

export async function startSink(): Promise<Sink> {
  const server = createServer((message, response) => {
    message.on('data', (chunk: Buffer) => {
      sink.received += chunk.length
    })
    message.on('end', () => response.writeHead(204).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const sink: Sink = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: 0,
    stop: () => void server.close(),
  }
  return sink
}

/** A body that is never whole in memory: `octets` of filling between a head and a tail. */
export interface Upload {
  readonly type: string
  readonly head: string
  readonly tail: string
  readonly octets: number
}

const piece = Buffer.alloc(64 * 1024, 'x')

/** Sends it as fast as it is taken. @returns the status of the answer */
export function sendUpload(url: URL, { type, head, tail, octets }: Upload): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': type, 'Content-Length': octets + head.length + tail.length }
    const sending = request(url, { method: 'POST', headers }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode))
    })
    sending.on('error', reject)
    sending.write(head)
    let left = octets / piece.length
    const write = () => {
      while (left-- > 0) if (!sending.write(piece)) return sending.once('drain', write)
      return sending.end(tail)
    }
    write()
  })
}

/** Runs something, and tells how far the resident memory of a process went above what it was, in octets. */
export async function grownDuring<T>(
  pid: number,
  run: () => Promise<T>,
): Promise<{ readonly result: T; readonly grown: number }> {
  const before = residentBytes(pid)
  let most = before
  const sampler = setInterval(() => {
    most = Math.max(most, residentBytes(pid))
  }, 5)
  try {
    return { result: await run(), grown: most - before }
  } finally {
    clearInterval(sampler)
  }
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024
}
