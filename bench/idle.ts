import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureDevelopmentCertificate } from '../src/app/development-certificate.ts'
import { freePort } from '../test/harness/free-port.ts'
import { type Spread, shown, spreadOf } from './statistics.ts'
import { contract, otherCore, proxyCore, type World } from './world.ts'

export interface IdleFigures {
  readonly connections: number
  /** Resident memory for each idle TLS connection, KiB. */
  readonly portcullisKiB: Spread
  readonly bareKiB: Spread
  readonly ratio: Spread
}

const connections = 2000
const warmUp = 300
const rounds = 3
const settleMs = 2000

/** Memory of idle keep-alive TLS connections beside `node:https`, each asked on once; a fresh process a round, in turn. */
export async function measureIdle(world: World): Promise<IdleFigures> {
  const certificate = await ensureDevelopmentCertificate(join(world.folder, 'idle-tls'))
  const ours: number[] = []
  const bare: number[] = []
  for (let round = 0; round < rounds; round++) {
    ours.push(await perConnection(portcullis(world, certificate)))
    bare.push(await perConnection(bareServer(certificate)))
  }
  const figures = {
    connections,
    portcullisKiB: spreadOf(ours),
    bareKiB: spreadOf(bare),
    ratio: spreadOf(ours.map((one, i) => one / (bare[i] ?? Number.NaN))),
  }
  console.log(
    `${connections} idle TLS connections, KiB each: portcullis ${shown(figures.portcullisKiB, 1)}, node:https ${shown(figures.bareKiB, 1)}, ratio ${shown(figures.ratio, 2)}\n`,
  )
  return figures
}

type Certificate = Awaited<ReturnType<typeof ensureDevelopmentCertificate>>
type Start = (port: number) => ChildProcess

function portcullis(world: World, { cert, key }: Certificate): Start {
  return (port) => {
    const file = join(world.folder, 'idle.yaml')
    writeFileSync(
      file,
      `contract: ${JSON.stringify(contract)}
listen: { https: { host: 127.0.0.1, port: ${port}, tls: { cert: ${cert}, key: ${key} } } }
upstreams: { default: { url: "${world.upstream}" } }
identity: { bearerAuth: { type: jwt, issuer: "${world.issuer}", audience: "${world.audience}", algorithms: [RS256] } }
limits: [{ name: per-address, by: address, rate: 1000000/s, burst: 1000000 }]
`,
    )
    const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
    return pinned([main, 'run', '-c', file, '--workers', '1'], {})
  }
}

function bareServer({ cert, key }: Certificate): Start {
  return (port) =>
    pinned([fileURLToPath(new URL('peers/bare-https.mjs', import.meta.url))], {
      CERT: cert,
      KEY: key,
      PORT: String(port),
    })
}

function pinned(words: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  return spawn('taskset', ['-c', proxyCore, process.execPath, ...words], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env },
  })
}

async function perConnection(start: Start): Promise<number> {
  const port = await freePort()
  const child = start(port)
  try {
    await answers(port)
    // What connections cost once is not to count: code, tables, buffers.
    await withClients(port, warmUp, async () => {})
    await sleep(settleMs)
    const before = residentKiB(child)
    let after = 0
    await withClients(port, connections, async () => {
      await sleep(settleMs)
      after = residentKiB(child)
    })
    return (after - before) / connections
  } finally {
    child.kill()
  }
}

async function withClients(port: number, count: number, look: () => Promise<void>): Promise<void> {
  const program = fileURLToPath(new URL('idle-client.ts', import.meta.url))
  const child = spawn(
    'taskset',
    ['-c', otherCore, process.execPath, program, String(port), String(count), '/x'],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  )
  const ended = new Promise((resolve) => child.once('close', resolve))
  const open = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()))
    child.once('close', () => reject(new Error('the clients ended early')))
  })
  if (Number(open) !== count) throw new Error(`${open} of ${count} connections are open`)
  await look()
  child.stdin.end()
  await ended
}

function residentKiB(child: ChildProcess): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1])
}

async function answers(port: number): Promise<void> {
  for (let waited = 0; waited < 20_000; waited += 100) {
    const answered = await new Promise<boolean>((resolve) => {
      const asked = request(
        { port, host: '127.0.0.1', path: '/x', rejectUnauthorized: false, agent: false },
        (response) => {
          response.resume().once('end', () => resolve(true))
        },
      )
      asked.once('error', () => resolve(false)).end()
    })
    if (answered) return
    await sleep(100)
  }
  throw new Error('it does not answer')
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
