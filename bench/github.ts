import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { audience, startIssuer } from '../test/harness/issuer.ts'

interface GitHubFigures {
  readonly checkSeconds: number
  readonly readySeconds: number
  /** Highest resident memory of the gateway until it was ready, MiB. */
  readonly peakMiB: number
  /** Resident memory five seconds later. */
  readonly laterMiB: number
}

const document = fileURLToPath(
  new URL('../test/packages/node_modules/@octokit/openapi/generated/api.github.com.json', import.meta.url),
)
const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))

/** GitHub's document, about 1200 operations: time to check, time until ready, memory of one worker. */
export async function measureGitHub(): Promise<GitHubFigures | string> {
  if (!existsSync(document)) {
    console.log("left out: GitHub's document is not installed: npm run test:setup\n")
    return 'not installed'
  }
  const issuer = await startIssuer()
  const file = join(mkdtempSync(join(tmpdir(), 'portcullis-bench-')), 'portcullis.yaml')
  writeFileSync(
    file,
    `contract: ${JSON.stringify(document)}
listen: { http: { host: 127.0.0.1, port: 0, allowPlaintext: true } }
upstreams: { default: { url: "http://127.0.0.1:1" } }
security: [{ bearerAuth: [] }]
identity: { bearerAuth: { type: jwt, issuer: "${issuer.issuer}", audience: "${audience}" } }
`,
  )
  const checkSeconds = await timed(() =>
    ended(spawn(process.execPath, [main, 'check', '-c', file], { stdio: 'ignore' })),
  )
  const gateway = spawn(process.execPath, [main, 'run', '-c', file, '--workers', '1'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const readySeconds = await timed(
    () =>
      new Promise<void>((resolve) => {
        gateway.stdout.on('data', (chunk: Buffer) => {
          if (chunk.includes('"event":"ready"')) resolve()
        })
      }),
  )
  const peakMiB = memory(gateway.pid, 'VmHWM')
  await new Promise((resolve) => setTimeout(resolve, 5000))
  const laterMiB = memory(gateway.pid, 'VmRSS')
  gateway.kill()
  await ended(gateway)
  await issuer.stop()
  console.log(
    `GitHub's document: check ${checkSeconds.toFixed(2)} s, ready after ${readySeconds.toFixed(2)} s, peak ${peakMiB.toFixed(0)} MiB, later ${laterMiB.toFixed(0)} MiB\n`,
  )
  return { checkSeconds, readySeconds, peakMiB, laterMiB }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return (performance.now() - startedMs) / 1000
}

function ended(child: { once(event: 'close', listener: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => child.once('close', () => resolve()))
}

function memory(pid: number | undefined, field: string): number {
  const line = new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1]) / 1024
}
