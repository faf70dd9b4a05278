import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Orders, Received } from './traffic.ts'
import { otherCore, type World } from './world.ts'

const program = fileURLToPath(new URL('traffic.ts', import.meta.url))

/**
 * A GET of the contract, as it goes over the wire.
 * @param limit 0 is outside of the contract: the gateway answers 400 itself, after the token was judged
 */
export function wireRequest(token: string, limit = 10): string {
  return `GET /orders?status=open&limit=${limit} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAuthorization: Bearer ${token}\r\n\r\n`
}

/** Requests in a file that a client can be pointed at. */
export function requestsFile(world: World, name: string, requests: readonly string[]): string {
  const file = join(world.folder, `${name}.json`)
  writeFileSync(file, JSON.stringify(requests))
  return file
}

/**
 * Runs one client to its end.
 * @param cores a list as taskset reads it; else the core the gateway does not have
 * @param niceness of the process, where the system lets it be raised: who is to wait for whom on that core
 */
export function runClient(orders: Orders, niceness = 0, cores = otherCore): Promise<Received> {
  return new Promise((resolve, reject) => {
    const words = ['-c', cores, 'nice', '-n', String(niceness), process.execPath, program]
    const child = spawn('taskset', [...words, JSON.stringify(orders)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: (orders.seconds + 10) * 1000,
    })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(output) as Received)
      else reject(new Error(`the client ended with ${code}`))
    })
  })
}

export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN
}
