import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { startGate } from '../harness/gate.ts'
import { createTestKey, startIssuer } from '../harness/issuer.ts'

// Issuers whose key set cannot be used (A9, A24): never a pass, and all is well again when they are.

interface BadAnswer {
  readonly name: string
  readonly answer: (response: ServerResponse) => void
  readonly says: RegExp
}

const keySet = (text: string) => (response: ServerResponse) => void response.end(text)

const badAnswers: readonly BadAnswer[] = [
  { name: 'no JSON', answer: keySet('{"keys":['), says: /no JSON/ },
  { name: 'a list', answer: keySet('[]'), says: /./ },
  { name: 'no keys', answer: keySet('{}'), says: /./ },
  { name: 'duplicate members', answer: keySet('{"keys":[],"keys":[]}'), says: /no JSON/ },
  { name: 'a page', answer: keySet('<html>sign in</html>'), says: /no JSON/ },
  {
    name: 'an error',
    answer: (response) => void response.writeHead(503).end('{"keys":[]}'),
    says: /answered 503/,
  },
  {
    name: 'endless octets',
    answer(response) {
      const more = () => {
        while (!response.destroyed && response.write(' '.repeat(65_536)));
      }
      response.on('drain', more)
      more()
    },
    says: /over 524288 octets/,
  },
  {
    name: 'a drop now and then',
    answer(response) {
      const timer = setInterval(() => response.write(' '), 100)
      response.on('close', () => clearInterval(timer))
    },
    says: /time|abort/i,
  },
]

for (const { name, answer, says } of badAnswers) {
  test(`a key set that is ${name}: not ready, 503 for what needs it, and well again when it is mended`, async () => {
    const issuer = await startIssuer()
    issuer.answer = answer
    const gate = await startGate({ issuer, unready: true })
    try {
      const token = await issuer.token()
      const failed = await untilLogged(() =>
        gate.log.find((line) => line.event === 'key_set_failed' && line.issuer === issuer.issuer),
      )
      assert.match(String(failed.detail), says)
      // A request waits for a fetch that is under way, which takes 5 s at most.
      const seen = gate.upstream.heads
      const headers = { authorization: `Bearer ${token}` }
      const denied = await fetch(new URL('/things', gate.gateway.addresses.http ?? ''), { headers })
      assert.equal(denied.status, 503)
      assert.match(await denied.text(), /verifier_unavailable/)
      assert.equal(gate.upstream.heads, seen)
      const ready = await fetch(new URL('/readyz', gate.gateway.addresses.admin ?? ''))
      assert.equal(ready.status, 503)
      issuer.answer = null
      await gate.gateway.ready
      assert.equal((await ask(gate, '/things', { token })).status, 200)
    } finally {
      await gate.stop()
    }
  })
}

test('a key set that redirects is not followed: another server does not get to name keys', async () => {
  const stranger = await createTestKey()
  let asked = 0
  const elsewhere = createServer((_, response) => {
    asked++
    response.end(JSON.stringify({ keys: [stranger.jwk] }))
  })
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
  const issuer = await startIssuer()
  const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/jwks`
  issuer.answer = (response) => void response.writeHead(302, { location }).end()
  const gate = await startGate({ issuer, unready: true })
  await untilLogged(() => gate.log.find((line) => line.event === 'key_set_failed'))
  const token = await issuer.token({}, {}, stranger)
  await assertNotForwarded(gate, ask(gate, '/things', { token }), 503, 'verifier_unavailable')
  assert.equal(asked, 0)
  await gate.stop()
  await new Promise((resolve) => elsewhere.close(resolve))
})

test('a clock that differs by up to clockSkew is forgiven, by more is not', async () => {
  const gate = await startGate({ identity: 'clockSkew: 10s' })
  const now = Math.floor(Date.now() / 1000)
  const status = async (changes: Record<string, unknown>) =>
    (await ask(gate, '/things', { token: await gate.issuer.token(changes) })).status
  assert.equal(await status({ exp: now - 5 }), 200)
  assert.equal(await status({ iat: now + 8, nbf: now + 8 }), 200)
  const seen = gate.upstream.heads
  assert.equal(await status({ exp: now - 11 }), 401)
  assert.equal(await status({ nbf: now + 15 }), 401)
  assert.equal(await status({ iat: now + 15 }), 401)
  assert.equal(gate.upstream.heads, seen)
  await gate.stop()
})

async function untilLogged<T>(look: () => T | undefined): Promise<T> {
  for (let waitedMs = 0; waitedMs < 10_000; waitedMs += 20) {
    const found = look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('it was never logged')
}
