import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ensureDevelopmentCertificate } from '../../src/app/development-certificate.ts'
import { freePort } from '../harness/free-port.ts'
import { serverHasTls, settingsOf, startCluster, startRedis, startSentinel } from '../harness/redis.ts'
import { allowedOf, pause, remaining, sharedLimit, startCounting } from '../harness/store-counters.ts'
import { startTlsTunnel } from '../harness/tls-tunnel.ts'
import { until } from '../harness/until.ts'

// How a server can be reached: encrypted and as a user, behind Sentinel, as a cluster of three.

const acl = '--user portcullis on >s3cret ~portcullis:* +@all -@dangerous -@admin +info'.split(' ')

/** Where the server was built without TLS, as the Valkey of the tests is, something ends it before it. */
async function startEncrypted(cert: string, key: string) {
  if (!serverHasTls()) {
    const server = await startRedis(undefined, acl)
    const tunnel = await startTlsTunnel(server.port, { cert, key })
    const stop = () => Promise.all([tunnel.stop(), server.stop()])
    return { port: tunnel.port, stop }
  }
  const port = await freePort()
  const server = await startRedis(undefined, [
    ...['--tls-port', `${port}`, '--tls-cert-file', cert, '--tls-key-file', key, '--tls-auth-clients', 'no'],
    ...acl,
  ])
  return { port, stop: server.stop }
}

test('TLS and a user of the access control list: who is not known, or not believed, gets nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-test-'))
  const { cert, key } = await ensureDevelopmentCertificate(folder)
  const server = await startEncrypted(cert, key)
  const tls = { ca: cert, cert: null, key: null }
  const servers = { kind: 'one', url: `rediss://localhost:${server.port}` } as const
  const who = { user: 'portcullis', password: 's3cret', deadlineMs: 5000 }
  const one = await startCounting(settingsOf(servers, { ...who, tls }))
  const limit = sharedLimit('encrypted', 10, 10)
  assert.equal(await allowedOf([one], 20, [limit]), 10)
  await one.stop()
  const wrong = [settingsOf(servers, who), settingsOf(servers, { ...who, tls, password: 'guessed' })]
  for (const settings of wrong) {
    const refused = await startCounting(settings, 'unready')
    await until(() => refused.events.length > 0, 'refused')
    await pause(200)
    assert.equal(refused.figures.up, 0)
    assert.doesNotMatch(JSON.stringify(refused.events), /s3cret|guessed/)
    await refused.stop()
  }
  await server.stop()
  rmSync(folder, { recursive: true })
})

test('Sentinel: takes go to the master, and to the next one when it is gone', async () => {
  const master = await startRedis()
  const replica = await startRedis(undefined, ['--replicaof', '127.0.0.1', `${master.port}`])
  const sentinel = await startSentinel(master)
  const settings = settingsOf(
    { kind: 'sentinels', urls: [sentinel.url], master: 'mymaster', user: null, password: null },
    { deadlineMs: 2000 },
  )
  await until(
    () => ask(sentinel.port, 'SENTINEL', 'REPLICAS', 'mymaster').includes(`${replica.port}`),
    'the replica',
  )
  const one = await startCounting(settings)
  const limit = sharedLimit('watched', 10, 10)
  assert.equal(await allowedOf([one], 6, [limit]), 6)
  await until(() => ask(replica.port, 'DBSIZE') === ask(master.port, 'DBSIZE'), 'the replica to follow')
  await master.kill()
  await until(() => one.figures.up === 0, 'lost')
  await until(() => one.figures.up === 1, 'the new master')
  assert.equal(await allowedOf([one], 20, [limit]), 4, 'what was replicated is not forgotten')
  assert.match(ask(replica.port, 'ROLE'), /^master/)
  await one.stop()
  for (const server of [sentinel, replica, master]) await server.stop()
})

test('Cluster: each bucket on its node is exact; what one node took while another denied goes back', async () => {
  const nodes = await startCluster()
  const settings = settingsOf(
    { kind: 'cluster', urls: nodes.slice(0, 1).map(({ url }) => url) },
    { deadlineMs: 5000 },
  )
  const [one, two] = [await startCounting(settings), await startCounting(settings)]
  const all = Array.from({ length: 12 }, (_, index) => sharedLimit(`spread-${index}`, 30, 30))
  for (const limit of all) assert.equal(await allowedOf([one, two], 60, [limit]), 30)
  assert.ok(nodes.every(({ port }) => Number(ask(port, 'DBSIZE')) > 0))

  const [wide, narrow] = [
    Array.from({ length: 4 }, (_, index) => sharedLimit(`wide-${index}`, 100, 100)),
    sharedLimit('narrow', 5, 5),
  ]
  assert.equal(await allowedOf([one, two], 40, [...wide, narrow]), 5)
  await until(
    async () => remaining(await one.take(wide, undefined, 0)).every((left) => left === 95),
    'the tokens',
  )
  const leased = sharedLimit('lent', 100, 100, { mode: 'leased', lease: 5 })
  const allowed = await allowedOf([one, two], 200, [leased])
  assert.ok(allowed <= 100 && allowed >= 90, `${allowed}`)
  assert.deepEqual([one.figures.failed, one.figures.late, two.figures.failed], [0, 0, 0])
  await one.stop()
  await two.stop()
  for (const node of nodes) await node.stop()
})

function ask(port: number, ...words: readonly string[]): string {
  return execFileSync('redis-cli', ['-p', `${port}`, ...words], { encoding: 'utf8' })
}
