import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ask } from '../harness/ask.ts'
import { run } from '../harness/command.ts'
import { freePort } from '../harness/free-port.ts'
import { configurationFor, startGate, type TestGate } from '../harness/gate.ts'
import { until } from '../harness/until.ts'
import { headerOf, type TestUpstream } from '../harness/upstream.ts'

let gate: TestGate
let nginx: ChildProcess
let front: number
let back: number

before(async () => {
  gate = await startGate({ more: 'trustedProxies: [127.0.0.0/8]' })
  front = await freePort()
  back = await freePort()
  const files = join(gate.folder, 'nginx')
  mkdirSync(files)
  writeFileSync(
    join(files, 'nginx.conf'),
    `worker_processes 1; daemon off; error_log ${files}/error.log; pid ${files}/pid;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${files}/body; proxy_temp_path ${files}/proxy; fastcgi_temp_path ${files}/f; uwsgi_temp_path ${files}/u; scgi_temp_path ${files}/s;
  server {
    listen 127.0.0.1:${front} ssl;
    ssl_certificate ${gate.certificateFile}; ssl_certificate_key ${gate.certificateFile.replace(/crt$/, 'key')};
    location / {
      proxy_pass ${gate.gateway.addresses.http};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Request-Id $request_id;
    }
  }
  server {
    listen 127.0.0.1:${back};
    location / { add_header Content-Type application/json; return 200 '{"uri":"$request_uri","user":"$http_x_user_id"}'; }
  }
}`,
  )
  nginx = spawn('nginx', ['-p', files, '-c', join(files, 'nginx.conf')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  await until(
    () =>
      fetch(`http://127.0.0.1:${back}/`).then(
        () => true,
        () => false,
      ),
    'nginx serves',
  )
})
after(async () => {
  nginx.kill()
  await gate.stop()
})

test('nginx in front, trusted: the client address and request id are its, a claimed one is not believed', async () => {
  const token = await gate.issuer.token()
  const { stdout } = await run('curl', [
    '-sS',
    '-i',
    '--cacert',
    gate.certificateFile,
    `https://localhost:${front}/things?limit=2`,
    '-H',
    `Authorization: Bearer ${token}`,
    '-H',
    'X-Forwarded-For: 6.6.6.6',
  ])
  assert.match(stdout, /^HTTP\/1\.1 200 /)
  const seen = gate.upstream.seen.at(-1)
  assert.ok(seen)
  assert.equal(
    headerOf(seen, 'x-forwarded-for'),
    '6.6.6.6',
    'nginx is on the same machine: its own peer is trusted, what stands left of it is the client',
  )
  const id = /X-Request-Id: ([0-9a-f]{32})/.exec(stdout)?.[1]
  const line = await gate.logged(({ request_id: requestId }) => requestId === id)
  assert.equal(line['client.address'], '6.6.6.6')
})

test('nginx in front: a denial comes through as it was written', async () => {
  const { stdout } = await run('curl', [
    '-sS',
    '-i',
    '--cacert',
    gate.certificateFile,
    `https://localhost:${front}/things`,
  ])
  assert.match(stdout, /^HTTP\/1\.1 401 /)
  assert.match(stdout, /WWW-Authenticate: Bearer realm="api"/)
  assert.match(stdout, /application\/problem\+json/)
})

test('nginx behind: requests arrive in their canonical form over kept connections', async () => {
  gate.configure(
    configurationFor(
      { upstream: 'identityHeaders: { X-User-Id: token.sub }' },
      { url: `http://127.0.0.1:${back}` } as TestUpstream,
      gate.issuer,
    ),
  )
  assert.equal(await gate.gateway.reload(), true)
  const token = await gate.issuer.token()
  for (let i = 0; i < 20; i++) {
    const reply = await ask(gate, '/%74hings?limit=1', { token })
    assert.equal(reply.status, 200, reply.text)
    assert.deepEqual(JSON.parse(reply.body), { uri: '/things?limit=1', user: 'alice' })
    assert.equal(reply.fields.get('server'), undefined)
  }
})
