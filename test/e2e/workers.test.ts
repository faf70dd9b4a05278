import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { createGateway } from '../../src/app/create-gateway.ts'
import { StartError } from '../../src/app/start-error.ts'
import { ask } from '../harness/ask.ts'
import { run, startRun } from '../harness/command.ts'
import { configurationFor, startGate, type TestGate, things } from '../harness/gate.ts'
import { createTestKey, startIssuer } from '../harness/issuer.ts'
import { until } from '../harness/until.ts'
import { startUpstream } from '../harness/upstream.ts'

const workers = 3
const addition =
  '  /added:\n    get: { operationId: getAdded, responses: { "200": { description: ok } } }\n  /things:\n'
const threads: Worker[] = []
const note = (thread: Worker) => void threads.push(thread)
let gate: TestGate
let contract: string

before(async () => {
  process.on('worker', note)
  gate = await startGate({ workers })
  contract = join(gate.folder, 'contract.yaml')
  writeFileSync(contract, readFileSync(things))
})

after(async () => {
  process.off('worker', note)
  await gate.stop()
})

/** Threads of the data plane that are alive. */
const serving = () =>
  threads.filter(({ threadId, threadName }) => threadId > 0 && threadName?.startsWith('data'))

/** Each over a connection of its own, which the kernel gives to whichever worker it likes. */
async function askMany(times: number, target: string, token?: string): Promise<ReadonlyMap<number, number>> {
  const statuses = new Map<number, number>()
  const ways = Array.from({ length: 8 }, async (_, way) => {
    for (let i = way; i < times; i += 8) {
      const { status } = await ask(gate, target, token === undefined ? {} : { token })
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  })
  await Promise.all(ways)
  return statuses
}

test('every worker serves the one port', async () => {
  assert.equal(serving().length, workers)
  const token = await gate.issuer.token()
  const before = serving().map(({ performance }) => performance.eventLoopUtilization())
  assert.deepEqual(await askMany(120, '/things', token), new Map([[200, 120]]))
  for (const [index, { performance }] of serving().entries())
    assert.ok(performance.eventLoopUtilization(before[index]).active > 1, `worker ${index} did nothing`)
})

test('a new program is in force on every worker when the reload is told, and a bad one on none', async () => {
  const token = await gate.issuer.token()
  gate.configure(configurationFor({ contract }, gate.upstream, gate.issuer))
  writeFileSync(contract, readFileSync(things, 'utf8').replace('  /things:\n', addition))
  assert.equal(await gate.gateway.reload(), true)
  assert.deepEqual(await askMany(60, '/added', token), new Map([[200, 60]]))
  const sound = readFileSync(contract)
  writeFileSync(contract, 'openapi: [')
  assert.equal(await gate.gateway.reload(), false)
  assert.deepEqual(await askMany(60, '/added', token), new Map([[200, 60]]))
  writeFileSync(contract, sound)
})

test('A10, A11: the keys of an issuer are fetched once for all workers, also where a key id is not known', async () => {
  const { issuer } = gate
  const fetches = issuer.fetches
  const rotated = await createTestKey()
  issuer.keys = [...issuer.keys, rotated.jwk]
  const token = await issuer.token({}, { kid: rotated.kid }, rotated)
  assert.deepEqual(await askMany(40, '/things', token), new Map([[200, 40]]))
  assert.equal(issuer.fetches, fetches + 1)
  const strange = await createTestKey()
  const forged = await issuer.token({}, { kid: strange.kid }, strange)
  assert.deepEqual(await askMany(40, '/things', forged), new Map([[401, 40]]))
  assert.ok(issuer.fetches <= fetches + 2, 'a refetch for each worker')
})

test('a worker that dies is replaced and recorded; what the others have under way goes on', async () => {
  const token = await gate.issuer.token()
  const held: ServerResponse[] = []
  const { answer } = gate.upstream
  gate.upstream.answer = (response) => void held.push(response)
  const underWay = Array.from({ length: 24 }, () => ask(gate, '/things', { token }).catch(() => null))
  while (held.length < 24) await new Promise((resolve) => setTimeout(resolve, 5))
  const [dying, ...others] = serving()
  await dying?.terminate()
  await gate.logged(({ event }) => event === 'worker_died')
  gate.upstream.answer = answer
  for (const response of held) response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}')
  const answers = (await Promise.all(underWay)).map((reply) => reply?.status)
  const lost = answers.filter((status) => status !== 200)
  assert.ok(lost.length < 24, 'all were lost')
  assert.deepEqual(await askMany(20, '/things', token), new Map([[200, 20]]))
  await gate.logged(({ event }) => event === 'worker_replaced')
  const now = serving()
  assert.equal(now.length, workers)
  for (const other of others) assert.ok(now.includes(other))
  assert.deepEqual(
    await askMany(60, '/added', token),
    new Map([[200, 60]]),
    'the last program, not the first',
  )
})

test('who takes the place of a worker serves what is in force, whatever stands in the files by then', async () => {
  const replaced = () => gate.log.filter(({ event }) => event === 'worker_replaced').length
  const before = replaced()
  const { certificateFile } = gate
  const files = [certificateFile, certificateFile.replace(/\.crt$/, '.key')]
  const sound = files.map((file) => readFileSync(file))
  try {
    for (const file of files) writeFileSync(file, 'neither a certificate nor a key')
    assert.equal(await gate.gateway.reload(), false)
    for (const dying of serving()) await dying.terminate()
    await until(() => replaced() === before + workers, 'all places are taken')
    const { port } = new URL(gate.gateway.addresses.https ?? '')
    const { stdout } = await run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-showcerts'])
    assert.ok(stdout.includes(`${sound[0]}`.split('\n')[1] as string), 'the certificate of before')
  } finally {
    for (const [index, file] of files.entries()) writeFileSync(file, sound[index] as Buffer)
  }
  assert.equal(await gate.gateway.reload(), true)
})

test('a TLS session that one worker began is resumed by whichever is next (RFC 5077)', async () => {
  const { port } = new URL(gate.gateway.addresses.https ?? '')
  const client = ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_2', '-reconnect']
  for (let i = 0; i < 4; i++) {
    const { stdout } = await run('openssl', client)
    assert.equal(stdout.match(/^New, TLSv1/gm)?.length, 1)
    assert.equal(stdout.match(/^Reused, TLSv1/gm)?.length, 5)
  }
})

test('a port that another gateway has refuses the start, though its threads share theirs', async () => {
  const port = new URL(gate.gateway.addresses.http ?? '').port
  const { configurationFile } = gate
  const before = readFileSync(configurationFile, 'utf8')
  gate.configure(before.replace('port: 0, allowPlaintext', `port: ${port}, allowPlaintext`))
  const second = createGateway({ configurationFile, workers: 2, log: () => {} })
  await assert.rejects(
    second,
    (error) => error instanceof StartError && /port \d+ on .* is taken/.test(error.message),
  )
  gate.configure(before)
})

test('the command serves with as many workers as it is told, and ends them all', async () => {
  const upstream = await startUpstream()
  const issuer = await startIssuer()
  gate.configure(configurationFor({}, upstream, issuer))
  const running = startRun(gate.configurationFile, {}, ['--workers', '2'])
  assert.equal((await running.logged('listening')).workers, 2)
  await running.logged('ready')
  running.child.kill('SIGTERM')
  assert.equal(await running.ended, 0)
  assert.equal(running.log.at(-1)?.event, 'stopped')
  await upstream.stop()
  await issuer.stop()
})

test('requests under way when the gateway stops are finished by every worker', async () => {
  const own = await startGate({ workers: 2 })
  const token = await own.issuer.token()
  const held: ServerResponse[] = []
  own.upstream.answer = (response) => void held.push(response)
  const underWay = Array.from({ length: 12 }, () => ask(own, '/things', { token }))
  while (held.length < 12) await new Promise((resolve) => setTimeout(resolve, 5))
  const stopped = own.gateway.stop()
  for (const response of held) response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}')
  assert.deepEqual(new Set((await Promise.all(underWay)).map(({ status }) => status)), new Set([200]))
  await stopped
  assert.equal(own.log.filter(({ event }) => event === 'request').length, 12)
  await own.stop()
})

test('a key that is written over while a reload waits for an issuer is not read for it: every worker has the new program', async () => {
  const own = await startGate({ workers: 2 })
  const another = await startIssuer()
  const asked = new Promise<ServerResponse>((resolve) => {
    another.answer = resolve
  })
  own.configure(
    configurationFor({ limits: '[{ name: next, by: address, rate: 1000/s }]' }, own.upstream, another),
  )
  const reloaded = own.gateway.reload()
  const response = await asked
  // Until both threads wait for its keys.
  await new Promise((resolve) => setTimeout(resolve, 500))
  writeFileSync(own.certificateFile.replace(/crt$/, 'key'), 'half a k')
  response.end(JSON.stringify({ keys: another.keys }))
  assert.equal(await reloaded, true)
  for (let nth = 0; nth < 20; nth++) {
    const { fields } = await ask(own, '/public')
    assert.match(fields.get('ratelimit-policy') ?? '', /"next"/)
  }
  assert.equal(await own.gateway.reload(), false, 'the next one reads it')
  await own.stop()
  await another.stop()
})
