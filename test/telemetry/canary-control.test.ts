import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startCollector } from '../harness/collector.ts'
import { sendRaw } from '../harness/raw-client.ts'
import { leaksOf, startCanaryGate } from './canary/gate.ts'
import { leaksIn, secret, spellings } from './canary/plants.ts'

// The control of attack G1: what looks for secrets finds those that are there.

test('a secret is found in every spelling, whatever stands around it, and in no text without it', () => {
  const text = secret('spelled')
  for (const [name, spell] of Object.entries(spellings))
    for (const written of [text, text.toLowerCase()])
      for (const spelling of spell(written)) {
        assert.deepEqual(leaksIn('log', `{"a":"${spelling}"}`), ['spelled in log'], name)
        assert.deepEqual(leaksIn('log', `{"a":"${spelling.slice(0, -3)}"}`), [], name)
      }
  for (const before of ['', 'x', 'xy', 'xyz', 'Basic olga:'])
    for (const encoding of ['base64', 'base64url', 'hex'] as const) {
      const hidden = Buffer.from(`${before}${text}: and more`).toString(encoding)
      assert.deepEqual(leaksIn('state', hidden), ['spelled in state'], `${before} ${encoding}`)
    }
  assert.deepEqual(leaksIn('log', 'canary, CANARY-, CANARY-unspelled'), [])
})

const empty = {
  openapi: '3.1.0',
  info: { title: 'Canary', version: '1' },
  paths: {
    '/open': { get: { operationId: 'getOpen', security: [], responses: { 200: { description: 'ok' } } } },
  },
}

test('a gate that leaks is caught, in each place it leaks to', async () => {
  const collector = await startCollector()
  const gate = await startCanaryGate(
    `
contract: ./openapi.json
listen: { http: { host: 127.0.0.1, port: 0, allowPlaintext: true }, admin: { host: 127.0.0.1, port: 0 } }
upstreams: { default: { url: "http://127.0.0.1:1" } }
telemetry: { otlp: { endpoint: "${collector.url}", logs: true } }
`,
    { LEAK_COLLECTOR: collector.url },
    { contract: empty, preload: './leak.ts' },
  )
  const words = `GET /nowhere HTTP/1.1\r\nHost: api.example.com\r\nX-Other: ${secret('leaked')}\r\n`
  const sound = await sendRaw(gate.http, `GET /nowhere HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\n\r\n`, {
    lingerMs: 0,
  })
  const leaky = await sendRaw(gate.http, `${words}\r\n`, { lingerMs: 0 })
  assert.deepEqual([sound.status, leaky.status], [404, 404])
  assert.deepEqual(leaksIn('problem', sound.text), [])
  assert.deepEqual(leaksIn('problem', leaky.text), ['leaked in problem'])
  await collector.until(() => collector.logs.some(({ eventName }) => eventName === 'leak'))
  await gate.stop()
  assert.deepEqual(leaksOf([gate], collector), [
    'leaked in log',
    'leaked in stderr',
    'leaked in state',
    'leaked in otlplog',
  ])
  gate.remove()
  await collector.stop()
})
