import { spawn, spawnSync } from 'node:child_process'
import { existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../test/harness/free-port.ts'
import { cpuUsOf, threadCpuUsOf } from './cpu-time.ts'
import { contract, proxyCore, reachable, type World } from './world.ts'

/** A proxy under measurement. */
export interface Subject {
  readonly name: string
  /** What it does on each request. */
  readonly checks: string
  /** It answers 401 where no token came; else it has no denial to measure. */
  readonly denies: boolean
  /** Null when it can run here, else what is missing. */
  readonly missing: () => string | null
  readonly start: (world: World) => Promise<Started>
}

export interface Started {
  readonly origin: string
  /** CPU time so far of the process and its children, user and system, in microseconds. */
  cpuUs(): number
  /** Of its own threads, or of those with a name. */
  threadCpuUs(name?: string): number
  stop(): void
}

const here = fileURLToPath(new URL('.', import.meta.url))
const project = fileURLToPath(new URL('..', import.meta.url))

export const subjects: readonly Subject[] = [
  {
    name: 'portcullis',
    checks: 'everything on: token, scopes, limits, closed-world validation, log, metrics',
    denies: true,
    missing: () => null,
    start: (world) => startPortcullis(world),
  },
  {
    name: 'nginx',
    checks: 'proxy_pass, limit_req, access log; no token, no validation',
    denies: true,
    missing: () => program('nginx'),
    start: startNginx,
  },
  {
    name: 'haproxy',
    checks: 'jwt_verify RS256, issuer, audience, expiry, scope, stick-table, log; no validation',
    denies: true,
    missing: () => program('haproxy'),
    start: startHaproxy,
  },
  {
    name: 'bare node',
    checks: 'node:http and undici, nothing checked',
    denies: false,
    missing: () => null,
    start: (world) => startNode(world, 'bare'),
  },
  {
    name: 'fastify',
    checks: '@fastify/jwt with its cache, rate-limit, schemas, reply-from, pino',
    denies: true,
    missing: () => packaged('fastify'),
    start: (world) => startNode(world, 'fastify'),
  },
  {
    name: 'express',
    checks: 'express-oauth2-jwt-bearer, rate-limit, openapi-validator, http-proxy-middleware, pino-http',
    denies: true,
    missing: () => packaged('express'),
    start: (world) => startNode(world, 'express'),
  },
]

function program(name: string): string | null {
  return spawnSync('which', [name], { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } })
    .status === 0
    ? null
    : `${name} is not installed`
}

function packaged(name: string): string | null {
  return existsSync(join(here, 'node_modules', name)) ? null : `${name} is not installed: npm run bench:setup`
}

/** A measurement of speed turns nobody away, however long the queue of its load generator is; and no peer has a trail. */
export const patience = 'bounds: { queueDelay: 5s }'
const patient = `${patience}\ntrail: false`

/**
 * @param more of the configuration, YAML, top level
 * @param cores a list as taskset reads it
 * @param document the contract, a file
 */
export async function startPortcullis(
  world: World,
  more = patient,
  workers = 1,
  cores = proxyCore,
  document = contract,
): Promise<Started> {
  const port = await freePort()
  const file = join(world.folder, `portcullis-${port}.yaml`)
  writeFileSync(
    file,
    `contract: ${JSON.stringify(document)}
listen:
  http: { host: 127.0.0.1, port: ${port}, allowPlaintext: true }
  admin: { host: 127.0.0.1, port: 0 }
upstreams: { default: { url: "${world.upstream}" } }
identity: { bearerAuth: { type: jwt, issuer: "${world.issuer}", audience: "${world.audience}", algorithms: [RS256] } }
failedAuthentications: { rate: 1000000/s }
limits:
  - { name: per-address, by: address, rate: 1000000/s, burst: 1000000 }
  - { name: per-subject, by: subject, rate: 1000000/s, burst: 1000000 }
${more}
`,
  )
  const words = ['run', '-c', file, '--workers', String(workers)]
  return pinned([process.execPath, join(project, 'src/cli/main.ts'), ...words], {}, port, world, cores)
}

async function startNode(world: World, name: string): Promise<Started> {
  const port = await freePort()
  const env = {
    NODE_ENV: 'production',
    UPSTREAM: world.upstream,
    PORT: String(port),
    ISSUER: world.issuer,
    AUDIENCE: world.audience,
    PUBLIC_KEY: world.publicKeyFile,
    CONTRACT: contract,
  }
  return pinned([process.execPath, join(here, 'peers', `${name}.mjs`)], env, port, world)
}

async function startNginx(world: World): Promise<Started> {
  const port = await freePort()
  const { folder } = world
  const file = join(folder, 'nginx.conf')
  writeFileSync(
    file,
    `worker_processes 1; daemon off; pid ${folder}/nginx.pid; error_log ${folder}/nginx-error.log;
events { worker_connections 1024; }
http {
  access_log ${folder}/nginx-access.log combined buffer=64k flush=1s; keepalive_requests 100000000;
  client_body_temp_path ${folder}/nb; proxy_temp_path ${folder}/np; fastcgi_temp_path ${folder}/nf; uwsgi_temp_path ${folder}/nu; scgi_temp_path ${folder}/ns;
  limit_req_zone $binary_remote_addr zone=addresses:1m rate=1000000r/s;
  upstream api { server ${new URL(world.upstream).host}; keepalive 128; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      limit_req zone=addresses burst=10000 nodelay;
      if ($http_authorization = "") { return 401; }
      proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://api;
    }
  }
}`,
  )
  return pinned(['nginx', '-p', folder, '-c', file], {}, port, world)
}

async function startHaproxy(world: World): Promise<Started> {
  const port = await freePort()
  const file = join(world.folder, 'haproxy.cfg')
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 2000
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  timeout client 60s
  timeout server 60s
  timeout connect 5s
  http-reuse always
frontend gate
  bind 127.0.0.1:${port}
  stick-table type ip size 100k expire 1m store http_req_rate(1s)
  http-request track-sc0 src
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt 1000000 }
  http-request set-var(txn.bearer) http_auth_bearer
  http-request return status 401 unless { var(txn.bearer) -m found }
  http-request set-var(txn.alg) http_auth_bearer,jwt_header_query('$.alg')
  http-request set-var(txn.iss) http_auth_bearer,jwt_payload_query('$.iss')
  http-request set-var(txn.aud) http_auth_bearer,jwt_payload_query('$.aud')
  http-request set-var(txn.exp) http_auth_bearer,jwt_payload_query('$.exp','int')
  http-request set-var(txn.scope) http_auth_bearer,jwt_payload_query('$.scope')
  http-request set-var(txn.now) date()
  http-request return status 401 unless { var(txn.alg) -m str RS256 }
  http-request return status 401 unless { var(txn.iss) -m str ${world.issuer} }
  http-request return status 401 unless { var(txn.aud) -m str ${world.audience} }
  http-request return status 401 unless { http_auth_bearer,jwt_verify(txn.alg,"${world.publicKeyFile}") -m int 1 }
  http-request return status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }
  http-request return status 403 unless { var(txn.scope) -m sub orders:read }
  default_backend api
backend api
  server upstream ${new URL(world.upstream).host}
`,
  )
  return pinned(['haproxy', '-f', file], {}, port, world)
}

async function pinned(
  words: readonly string[],
  env: NodeJS.ProcessEnv,
  port: number,
  world: World,
  cores = proxyCore,
): Promise<Started> {
  const log = openSync(join(world.folder, `${port}.log`), 'w')
  // Before whatever else the machine runs, where that is allowed.
  const child = spawn('taskset', ['-c', cores, 'nice', '-n', '-15', ...words], {
    stdio: ['ignore', log, log],
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin`, ...env },
  })
  const origin = `http://127.0.0.1:${port}`
  await reachable(`${origin}/orders`, { authorization: `Bearer ${world.token}` }).catch((error: unknown) => {
    child.kill()
    throw new Error(
      `${words[0]} did not come up: ${readFileSync(join(world.folder, `${port}.log`), 'utf8').slice(0, 2000)}`,
      { cause: error },
    )
  })
  const pid = child.pid ?? 0
  return {
    origin,
    cpuUs: () => cpuUsOf(pid),
    threadCpuUs: (name) => threadCpuUsOf(pid, name),
    stop: () => void child.kill(),
  }
}
