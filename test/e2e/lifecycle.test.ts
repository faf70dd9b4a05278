import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import {
  type AddressInfo,
  connect as connectPlain,
  createServer as createTcpServer,
  type Socket,
} from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { ensureDevelopmentCertificate } from '../../src/app/development-certificate.ts'
import { ask, assertDenied, assertNotForwarded } from '../harness/ask.ts'
import { createAuthority } from '../harness/certificates.ts'
import { run, startRun } from '../harness/command.ts'
import { freePort } from '../harness/free-port.ts'
import { configurationFor, startGate, type TestGate, things } from '../harness/gate.ts'
import { startIssuer } from '../harness/issuer.ts'
import { openSocket } from '../harness/raw-client.ts'
import { until } from '../harness/until.ts'
import { startUpstream } from '../harness/upstream.ts'

async function withGate(run: (gate: TestGate) => Promise<void>, options = {}): Promise<void> {
  const gate = await startGate(options)
  try {
    await run(gate)
  } finally {
    await gate.stop()
  }
}

test('a contract that changes on disk is compiled aside and swapped in, without a request lost', () =>
  withGate(async (gate) => {
    const contract = join(gate.folder, 'contract.yaml')
    writeFileSync(contract, readFileSync(things))
    gate.configure(configurationFor({ contract }, gate.upstream, gate.issuer))
    assert.equal(await gate.gateway.reload(), true)
    const token = await gate.issuer.token()
    await assertNotForwarded(gate, ask(gate, '/added', { token }), 404, 'route_unknown')
    let asking = true
    const statuses = new Set<number>()
    const load = (async () => {
      while (asking) statuses.add((await ask(gate, '/things', { token })).status)
    })()
    const lines = gate.log.length
    writeFileSync(
      contract,
      readFileSync(things, 'utf8').replace(
        '  /things:\n',
        '  /added:\n    get: { operationId: getAdded, responses: { "200": { description: ok } } }\n  /things:\n',
      ),
    )
    await until(() => gate.log.slice(lines).some(({ event }) => event === 'reload'), 'it is swapped in')
    assert.equal((await ask(gate, '/added', { token })).status, 200)
    asking = false
    await load
    assert.deepEqual(statuses, new Set([200]))
  }))

test('a bad contract or configuration leaves the last good one in force, and says where and why', () =>
  withGate(async (gate) => {
    const token = await gate.issuer.token()
    const contract = join(gate.folder, 'contract.yaml')
    gate.configure(configurationFor({ contract }, gate.upstream, gate.issuer))
    for (const text of [
      'openapi: [',
      readFileSync(things, 'utf8').replace("security: [{ bearerAuth: ['things:read'] }]", ''),
      '',
    ]) {
      writeFileSync(contract, text)
      assert.equal(await gate.gateway.reload(), false)
      const line = gate.log.findLast(({ event }) => event === 'reload_failed')
      assert.match(String(line?.problems), /contract\.yaml:\d+:\d+: .+; .+/)
      assert.equal((await ask(gate, '/things', { token })).status, 200)
    }
    rmSync(contract)
    assert.equal(await gate.gateway.reload(), false)
    rmSync(gate.configurationFile)
    assert.equal(await gate.gateway.reload(), false)
    assert.equal((await ask(gate, '/things', { token })).status, 200)
  }))

/** The serial number of the certificate that a new connection gets. */
function servedBy({ gateway }: TestGate): Promise<string> {
  const port = Number(new URL(gateway.addresses.https ?? '').port)
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.serialNumber ?? '')
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

test('a certificate that changes is served to new connections; the old one stays when the new one is bad', () =>
  withGate(async (gate) => {
    const first = await servedBy(gate)
    const { cert, key } = await ensureDevelopmentCertificate(join(gate.folder, 'next'))
    writeFileSync(gate.certificateFile, readFileSync(cert))
    assert.equal(await gate.gateway.reload(), false, 'the key is still the old one')
    assert.equal(await servedBy(gate), first)
    writeFileSync(gate.certificateFile.replace(/crt$/, 'key'), readFileSync(key))
    assert.equal(await gate.gateway.reload(), true)
    assert.equal(await servedBy(gate), new X509Certificate(readFileSync(cert)).serialNumber)
  }))

for (const workers of [1, 2])
  test(`a listener that asks for certificates after a restart, or is gone then, keeps the certificate of the latest reload: ${workers} workers`, () =>
    withGate(
      async (gate) => {
        const { cert, key } = await ensureDevelopmentCertificate(join(gate.folder, 'next'))
        const written = configurationFor({}, gate.upstream, gate.issuer)
        const next = written.replace(/tls: {.*?}/, `tls: { cert: ${cert}, key: ${key} }`)
        const asking = next.replace('tls:', `clientCa: ${createAuthority(gate.folder, 'clients').cert}, tls:`)
        const without = next.replace(/ {2}https: .*\n/, '')
        rmSync(gate.certificateFile)
        for (const yaml of [next, asking, without, next]) {
          gate.configure(yaml)
          assert.equal(await gate.gateway.reload(), true)
          assert.equal(await servedBy(gate), new X509Certificate(readFileSync(cert)).serialNumber)
        }
      },
      { workers },
    ))

test('the authority of an upstream that changes on disk is believed without a word of the operator', () =>
  withGate(async (gate) => {
    const [next, before] = await Promise.all(
      ['next', 'before'].map((name) => ensureDevelopmentCertificate(join(gate.folder, name))),
    )
    assert.ok(next && before)
    const upstream = createServer(
      { cert: readFileSync(next.cert), key: readFileSync(next.key) },
      (_, response) => response.setHeader('Content-Type', 'application/json').end('{}'),
    )
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
    try {
      const url = `https://localhost:${(upstream.address() as AddressInfo).port}`
      const more = { upstream: `tls: { ca: ${before.cert} }` }
      gate.configure(configurationFor(more, { ...gate.upstream, url }, gate.issuer))
      const reloads = () => gate.log.filter(({ event }) => event === 'reload').length
      await until(() => reloads() === 1, 'the reload for the configuration')
      const token = await gate.issuer.token()
      await assertDenied(gate, await ask(gate, '/things', { token }), 502, 'upstream_unreachable')
      writeFileSync(before.cert, readFileSync(next.cert))
      await until(() => reloads() === 2, 'the reload for the authority')
      assert.equal((await ask(gate, '/things', { token })).status, 200)
    } finally {
      upstream.close()
    }
  }))

test('a configuration that is refused for a file that is not there yet comes in force with that file', () =>
  withGate(async (gate) => {
    const contract = join(gate.folder, 'late.yaml')
    const secret = join(gate.folder, 'late.secret')
    const options = { contract, more: `state: { redis: "redis://127.0.0.1:1", password: "file:${secret}" }` }
    gate.configure(configurationFor(options, gate.upstream, gate.issuer))
    const refused = async (count: number) => {
      const refusals = () => gate.log.filter(({ event }) => event === 'reload_failed').length
      await until(() => refusals() === count, 'it is refused')
      await new Promise((resolve) => setTimeout(resolve, 2500))
      assert.equal(refusals(), count, 'and not tried again while nothing changes')
    }
    await refused(1)
    writeFileSync(contract, readFileSync(things))
    await refused(2)
    writeFileSync(secret, 'hush')
    await gate.logged(({ event }) => event === 'reload')
  }))

test('a reload that a stop overtakes changes nothing any more', async () => {
  const gate = await startGate()
  const reloaded = gate.gateway.reload()
  await new Promise((resolve) => setTimeout(resolve, 1))
  await gate.gateway.stop()
  assert.equal(await reloaded, false)
  assert.ok(!gate.log.some(({ event }) => event === 'reload'))
  await gate.stop()
})

test('limits and keys outlive a reload', () =>
  withGate(
    async (gate) => {
      const token = await gate.issuer.token()
      const fetches = gate.issuer.fetches
      await ask(gate, '/things', { token })
      assert.equal(await gate.gateway.reload(), true)
      await ask(gate, '/things', { token })
      await assertNotForwarded(gate, ask(gate, '/things', { token }), 429, 'quota_exceeded')
      assert.equal(gate.issuer.fetches, fetches)
    },
    { limits: '[{ name: s, by: subject, rate: 1/day, burst: 2 }]' },
  ))

for (const workers of [1, 2])
  test(`what applies after a restart stays as it was, and every reload says so: ${workers} workers`, () =>
    withGate(
      async (gate) => {
        const detailAfter = async (more: string) => {
          gate.configure(configurationFor({ more }, gate.upstream, gate.issuer))
          const lines = gate.log.length
          assert.equal(await gate.gateway.reload(), true)
          return gate.log.slice(lines).findLast(({ event }) => event === 'reload')?.detail
        }
        assert.match(String(await detailAfter('stateDir: ./elsewhere')), /apply after a restart/)
        assert.match(String(await detailAfter('stateDir: ./elsewhere')), /apply after a restart/)
        await assertNotForwarded(gate, ask(gate, '/things'), 401, 'credential_missing')
        assert.ok(!existsSync(join(gate.folder, 'elsewhere')))
        assert.equal(await detailAfter(''), undefined)
      },
      { workers },
    ))

test('a request under way at a reload is finished by what was in force when it came', () =>
  withGate(async (gate) => {
    const held: ServerResponse[] = []
    gate.upstream.answer = (response) => void held.push(response)
    const token = await gate.issuer.token()
    const answer = ask(gate, '/things', { token })
    while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    const other = await startUpstream()
    gate.configure(configurationFor({}, other, gate.issuer))
    assert.equal(await gate.gateway.reload(), true)
    assert.equal((await ask(gate, '/things', { token })).status, 200)
    assert.equal(other.heads, 1)
    held[0]?.end('{"late":true}')
    assert.equal((await answer).body.includes('late'), true)
    await other.stop()
  }))

test('a graceful stop: unready first, what is in flight is finished, then no connection is taken', async () => {
  // So long that all that is asked within it is, on a machine that is busy too.
  const gate = await startGate({ more: 'drainDelay: 2s' })
  const held: ServerResponse[] = []
  gate.upstream.answer = (response) => void held.push(response)
  const answer = ask(gate, '/things', { token: await gate.issuer.token() })
  const idle = openSocket(gate.gateway.addresses.http ?? '')
  const idleClosed = new Promise<void>((resolve) => idle.once('close', () => resolve()))
  while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  const stopped = gate.gateway.stop()
  const health = await fetch(`${gate.gateway.addresses.admin}/readyz`)
  assert.equal(health.status, 503)
  assert.equal(await health.text(), 'stopping\n')
  await assertNotForwarded(gate, ask(gate, '/nothing'), 404, 'route_unknown')
  await idleClosed
  await assert.rejects(ask(gate, '/nothing'), 'no new connection once the delay is over')
  held[0]?.end('{"done":true}')
  const { status, body, fields } = await answer
  assert.equal(status, 200)
  assert.match(body, /done/)
  assert.equal(fields.get('connection'), 'close')
  await stopped
  await gate.stop()
})

test('a stop waits for answers, and not for a connection on which one had begun before', async () => {
  const gate = await startGate()
  let streamed: ServerResponse | null = null
  gate.upstream.answer = (response) => {
    streamed = response
    response.write('{')
  }
  const client = openSocket(gate.gateway.addresses.http ?? '')
  let text = ''
  client.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  client.write('GET /public HTTP/1.1\r\nHost: a\r\n\r\n')
  await until(() => text.includes('{'), 'it has begun')
  const startedMs = Date.now()
  const stopped = gate.gateway.stop()
  await new Promise((resolve) => setTimeout(resolve, 100))
  ;(streamed as ServerResponse | null)?.end('}')
  await stopped
  assert.ok(Date.now() - startedMs < 5000)
  assert.match(text, /\}\r\n0\r\n\r\n$/)
  await gate.stop()
})

test('requests that wait behind others on their connection are answered in a stop too', async () => {
  const gate = await startGate()
  const held: ServerResponse[] = []
  gate.upstream.answer = (response) => void held.push(response)
  const client = openSocket(gate.gateway.addresses.http ?? '')
  let text = ''
  client.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  client.write('GET /public HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(3))
  await until(() => held.length === 3, 'all are under way')
  const stopped = gate.gateway.stop()
  for (const response of held) response.end('{}')
  await stopped
  await until(() => client.destroyed, 'it is closed')
  const connection = [...text.matchAll(/\r\nConnection: ([\w-]+)/g)].map(([, option]) => option)
  assert.deepEqual(connection, ['keep-alive', 'keep-alive', 'close'])
  await gate.stop()
})

test('a request that had arrived when a stop began is answered, though nobody had read it', async () => {
  const gate = await startGate()
  const texts: string[] = []
  const connected = async (index: number): Promise<Socket> => {
    const client = openSocket(gate.gateway.addresses.http ?? '')
    texts[index] = ''
    client.on('error', () => {})
    client.on('data', (chunk: Buffer) => {
      texts[index] += chunk.toString('latin1')
    })
    await once(client, 'connect')
    return client
  }
  const request = 'GET /public HTTP/1.1\r\nHost: a\r\n\r\n'
  const kept = await Promise.all(Array.from({ length: 8 }, (_, index) => connected(index)))
  for (const client of kept) client.write(request)
  await until(() => texts.every((text) => text.endsWith('\r\n\r\n{"ok":true}')), 'all are idle again')
  texts.fill('')
  // Of those that the system has connected the gate takes over one in a turn of its loop.
  const fresh = await Promise.all(Array.from({ length: 24 }, (_, index) => connected(8 + index)))
  const clients = [...kept, ...fresh]
  for (const client of clients) client.write(request)
  await gate.gateway.stop()
  await until(() => clients.every((client) => client.destroyed), 'all are closed')
  for (const text of texts) assert.match(text, /^HTTP\/1\.1 200 .*\r\nConnection: close\r\n.*\{"ok":true\}$/s)
  await gate.stop()
})

test('what outlasts stopTimeout is broken off', async () => {
  const gate = await startGate({ more: 'stopTimeout: 200ms', upstream: 'timeout: 30s' })
  gate.upstream.answer = () => {}
  const answer = ask(gate, '/things', { token: await gate.issuer.token() }).catch(() => null)
  while (gate.upstream.heads === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  const startedMs = Date.now()
  await gate.gateway.stop()
  assert.ok(Date.now() - startedMs < 1500)
  assert.equal(await answer, null)
  await gate.stop()
})

test('E3 whoever connects again and again holds up a stop no longer than stopTimeout', async () => {
  const gate = await startGate({ more: 'stopTimeout: 200ms', upstream: 'timeout: 30s' })
  gate.upstream.answer = () => {}
  const clients: Socket[] = []
  let goesOn = true
  const connectAgain = () => {
    const client = openSocket(gate.gateway.addresses.http ?? '')
    clients.push(client)
    client.on('error', () => {})
    client.write('GET /public HTTP/1.1\r\nHost: a\r\n\r\n')
    if (goesOn && clients.length < 3000) setImmediate(connectAgain)
  }
  connectAgain()
  await until(() => gate.upstream.heads > 0, 'they come')
  const startedMs = Date.now()
  await gate.gateway.stop()
  goesOn = false
  assert.ok(Date.now() - startedMs < 3000, `${Date.now() - startedMs} ms`)
  for (const client of clients) client.destroy()
  await gate.stop()
})

test('the command: ready, reload on SIGHUP, exit code 0 on SIGTERM', async () => {
  const gate = await startGate()
  const command = startRun(gate.configurationFile)
  try {
    const ready = await command.logged('ready')
    assert.match(String(ready.https), /^https:\/\/127\.0\.0\.1:\d+$/)
    command.child.kill('SIGHUP')
    await command.logged('reload')
    const reply = await fetch(`${String(ready.http)}/public`)
    assert.equal(reply.status, 200)
    command.child.kill('SIGTERM')
    assert.equal(await command.ended, 0)
    assert.equal(command.log.at(-1)?.event, 'stopped')
    assert.equal(command.log.filter(({ event }) => event === 'request').length, 1)
  } finally {
    command.child.kill('SIGKILL')
    await gate.stop()
  }
})

for (const workers of [1, 2])
  test(`a stop does not wait for an issuer that a reload asks and that never answers: ${workers} workers`, async () => {
    const gate = await startGate()
    const hanging = createTcpServer().listen(0, '127.0.0.1')
    await once(hanging, 'listening')
    const { port } = hanging.address() as AddressInfo
    const command = startRun(gate.configurationFile, {}, ['--workers', String(workers)])
    try {
      await command.logged('ready')
      const asked = once(hanging, 'connection')
      const issuer = { ...gate.issuer, issuer: `http://127.0.0.1:${port}` }
      gate.configure(configurationFor({}, gate.upstream, issuer))
      command.child.kill('SIGHUP')
      await asked
      const askedMs = performance.now()
      command.child.kill('SIGTERM')
      assert.equal(await command.ended, 0)
      const tookMs = performance.now() - askedMs
      // An issuer has 5 s for an answer, at each of the two addresses of its metadata.
      assert.ok(tookMs < 4500, `${tookMs.toFixed(0)} ms`)
      assert.equal(command.log.at(-1)?.event, 'stopped')
      assert.ok(!command.log.some(({ event }) => event === 'key_set_failed'))
    } finally {
      command.child.kill('SIGKILL')
      hanging.close()
      await gate.stop()
    }
  })

for (const second of ['SIGTERM', 'SIGINT'] as const)
  test(`a second signal ends a stop at once: SIGTERM, then ${second}`, async () => {
    const gate = await startGate()
    gate.upstream.answer = () => {}
    const command = startRun(gate.configurationFile)
    try {
      const client = openSocket(String((await command.logged('ready')).http))
      client.on('error', () => {})
      client.write('GET /public HTTP/1.1\r\nHost: a\r\n\r\n')
      await until(() => gate.upstream.heads === 1, 'a request is under way')
      command.child.kill('SIGTERM')
      await command.logged('stopping')
      command.child.kill(second)
      const late = setTimeout(() => command.child.kill('SIGKILL'), 15_000)
      await command.ended
      clearTimeout(late)
      assert.equal(command.child.signalCode, second)
    } finally {
      command.child.kill('SIGKILL')
      await gate.stop()
    }
  })

test('without file descriptors left it goes on, and takes connections again when there are some', async () => {
  const gate = await startGate()
  const command = startRun(gate.configurationFile)
  const held: Socket[] = []
  try {
    const origin = String((await command.logged('ready')).http)
    const { port } = new URL(origin)
    const { pid } = command.child
    const inUse = readdirSync(`/proc/${pid}/fd`).length
    const { code } = await run('prlimit', [`--pid=${pid}`, `--nofile=${inUse + 8}`])
    assert.equal(code, 0)
    for (let i = 0; i < 64; i++) {
      const socket = connectPlain(Number(port), '127.0.0.1')
      socket.on('error', () => {})
      held.push(socket)
    }
    // Also to the upstream no connection can be opened now.
    await new Promise((resolve) => setTimeout(resolve, 500))
    assert.equal(command.child.exitCode, null)
    for (const socket of held) socket.destroy()
    let status = 0
    for (let tries = 0; status !== 200 && tries < 50; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      status = await fetch(`${origin}/public`).then(
        (reply) => reply.status,
        () => 0,
      )
    }
    assert.equal(status, 200)
    command.child.kill('SIGTERM')
    assert.equal(await command.ended, 0)
  } finally {
    for (const socket of held) socket.destroy()
    command.child.kill('SIGKILL')
    await gate.stop()
  }
})

test('an issuer unreachable at start: not ready, 503, and it recovers by itself', async () => {
  const port = await freePort()
  const issuer = await startIssuer({ port })
  const { key } = issuer
  await issuer.stop()
  const gate = await startGate({ issuer, unready: true })
  try {
    assert.ok(gate.log.some(({ event }) => event === 'listening'))
    assert.ok(!gate.log.some(({ event }) => event === 'ready'))
    await assertNotForwarded(
      gate,
      ask(gate, '/things', { token: await issuer.token() }),
      503,
      'verifier_unavailable',
    )
    assert.equal((await fetch(`${gate.gateway.addresses.admin}/readyz`)).status, 503)
    assert.equal((await fetch(`${gate.gateway.addresses.admin}/livez`)).status, 200)
    const back = await startIssuer({ port, key })
    await gate.gateway.ready
    assert.equal((await ask(gate, '/things', { token: await back.token() })).status, 200)
    await back.stop()
  } finally {
    await gate.gateway.stop()
    await gate.upstream.stop()
    rmSync(gate.folder, { recursive: true })
  }
})
