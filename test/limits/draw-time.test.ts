import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { RawRequest } from '../../src/base/message.ts'
import { link } from '../../src/engine/link.ts'
import { openJournal } from '../../src/engine/outcome.ts'
import { pipeline } from '../../src/engine/pipeline.ts'
import type { Draw, Ports } from '../../src/engine/ports.ts'
import { compileWith } from '../harness/compile-with.ts'

const request: RawRequest = {
  id: 'a',
  receivedAtMs: 1000,
  peer: { address: '192.0.2.1', encrypted: false },
  method: 'GET',
  target: '/public',
  httpVersion: '1.1',
  headers: ['Host', 'a'],
  body: { read: async () => ({ kind: 'aborted' }) },
  trace: { traceId: '0'.repeat(32), spanId: '0'.repeat(16) },
}

test('F2 who waited at the door for a store draws what else it draws when it is let in, not when it came', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const limits = '[{ name: door, by: address, rate: 1/s }, { name: own, by: operation, rate: 1/s }]'
  const { program } = compileWith(folder, `limits: ${limits}`)
  assert.ok(program)
  const drawn: [limit: string, atMs: number][] = []
  let atMs = request.receivedAtMs
  const take = (draws: readonly Draw[], nowMs: number) => {
    for (const { limit } of draws) drawn.push([limit.name, nowMs])
    const states = draws.map(() => ({ remaining: 1, resetMs: 0, retryMs: 0, backOffMs: 0 }))
    if (draws.some(({ limit }) => limit.name !== 'door')) return { allowed: true, states }
    atMs += 400
    return Promise.resolve({ allowed: true, states })
  }
  const ports = {
    counters: { take },
    clock: { nowMs: () => atMs },
    load: { lateness: () => ({ waitedMs: 0, standing: false, limitMs: 5, serveMs: 5, fullness: 0 }) },
  } as unknown as Ports
  const outcome = await pipeline(link(program), ports, request, openJournal(request))
  assert.equal(outcome.kind, 'permit')
  assert.deepEqual(drawn, [
    ['door', 1000],
    ['own', 1400],
  ])
})
