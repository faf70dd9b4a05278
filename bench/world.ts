import { spawn } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exportSPKI, importJWK } from 'jose'
import { freePort } from '../test/harness/free-port.ts'
import { audience, createTestKey, startIssuer, type TestIssuer } from '../test/harness/issuer.ts'
import { cpuUsOf } from './cpu-time.ts'

/** What all subjects share: the upstream, the issuer, one token, one contract. */
export interface World {
  readonly folder: string
  readonly upstream: string
  readonly issuer: string
  /** Behind `issuer`: signs tokens, and can change its keys. */
  readonly authority: TestIssuer
  readonly audience: string
  readonly publicKeyFile: string
  readonly token: string
  readonly badToken: string
  /** CPU time so far of the upstream, in microseconds. */
  upstreamCpuUs(): number
  stop(): Promise<void>
}

export const contract = fileURLToPath(new URL('orders.yaml', import.meta.url))

/** The proxies get the first core; load, upstream and issuer the second. */
export const proxyCore = '0'
export const otherCore = '1'

/**
 * @param cores of the upstream, a list as taskset reads it
 * @param processes of the upstream
 */
export async function startWorld(cores = otherCore, processes = 1): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'))
  const port = await freePort()
  const key = await createTestKey('RS256', 'bench')
  const issuer = await startIssuer({ key })
  const publicKeyFile = join(folder, 'key.pem')
  writeFileSync(publicKeyFile, await exportSPKI((await importJWK(key.jwk, 'RS256')) as CryptoKey))
  const conf = join(folder, 'upstream.conf')
  writeFileSync(conf, upstreamConfiguration(folder, port, processes))
  // Before the clients on its core, where that is allowed: their turns are not to count as the gateway's delay.
  const nginx = spawn('taskset', ['-c', cores, 'nice', '-n', '-15', 'nginx', '-p', folder, '-c', conf], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const token = await issuer.token({
    scope: 'orders:read orders:write',
    exp: Math.floor(Date.now() / 1000) + 7200,
  })
  await reachable(`http://127.0.0.1:${port}/orders`)
  return {
    folder,
    upstream: `http://127.0.0.1:${port}`,
    issuer: issuer.issuer,
    authority: issuer,
    audience,
    publicKeyFile,
    token,
    badToken: `${token.slice(0, -20)}${'A'.repeat(20)}`,
    upstreamCpuUs: () => cpuUsOf(nginx.pid ?? 0),
    async stop() {
      nginx.kill()
      await issuer.stop()
    },
  }
}

export async function reachable(url: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  for (let waited = 0; waited < 10_000; waited += 50) {
    const status = await fetch(url, { headers }).then(
      (response) => response.status,
      () => 0,
    )
    if (status > 0 && status < 500) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`${url} does not answer`)
}

/** Answers 100 octets of JSON to everything. */
function upstreamConfiguration(folder: string, port: number, processes: number): string {
  const body = JSON.stringify({
    id: '7f0c1c1e-6f5c-4a3e-9a53-0c7e6d2b8a11',
    status: 'open',
    note: 'x'.repeat(28),
  })
  return `worker_processes ${processes}; daemon off; pid ${folder}/upstream.pid; error_log ${folder}/upstream.log;
events { worker_connections 8192; }
http { access_log off; keepalive_requests 100000000; default_type application/json;
  client_body_temp_path ${folder}/ub; proxy_temp_path ${folder}/up; fastcgi_temp_path ${folder}/uf; uwsgi_temp_path ${folder}/uu; scgi_temp_path ${folder}/us;
  server { listen 127.0.0.1:${port}; location / { return 200 '${body}'; } } }
`
}
