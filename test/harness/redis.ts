import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RedisServers, RedisSettings } from '../../src/program/settings.ts'
import { freePort } from './free-port.ts'
import { until } from './until.ts'

/** Debian's redis-server; the suite `valkey` names another one. */
const program = process.env.REDIS_SERVER ?? 'redis-server'

/** Whether the server was built with TLS. */
export function serverHasTls(): boolean {
  return !/Failed finding TLS support/.test(
    spawnSync(program, ['--port', '0', '--tls-port', '1']).stdout.toString(),
  )
}

/** A server on a port of loopback, keeping nothing on disk. */
export interface TestRedis {
  readonly url: string
  readonly port: number
  readonly settings: RedisSettings
  /** Takes it away without a word, or lets it go on: what it kept is lost. */
  kill(): Promise<void>
  start(): Promise<void>
  /** Holds its process: connections stand, and nothing answers. */
  pause(): void
  resume(): void
  stop(): Promise<void>
}

/** How a gateway would reach it. */
export function settingsOf(servers: RedisServers, more: Partial<RedisSettings> = {}): RedisSettings {
  const tls = { ca: null, cert: null, key: null }
  return { kind: 'redis', servers, user: null, password: null, tls, deadlineMs: 50, ...more }
}

/**
 * @param wanted a port; a free one otherwise
 * @param more words of its command line
 */
export async function startRedis(wanted?: number, more: readonly string[] = []): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-redis-'))
  const port = wanted ?? (await freePort())
  const words = [
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    folder,
  ]
  const server = serverProcess([...words, ...more], port)
  await server.start()
  const url = `redis://127.0.0.1:${port}`
  return {
    url,
    port,
    settings: settingsOf({ kind: 'one', url }),
    ...server,
    async stop() {
      await server.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Three nodes that hold all slots between them. */
export async function startCluster(): Promise<readonly TestRedis[]> {
  const nodes = [await clusterNode(), await clusterNode(), await clusterNode()]
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
  execFileSync('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes'], { stdio: 'ignore' })
  const isWhole = ({ port }: TestRedis) =>
    execFileSync('redis-cli', ['-p', `${port}`, 'CLUSTER', 'INFO'], { encoding: 'utf8' }).includes(
      'cluster_state:ok',
    )
  await until(() => nodes.every(isWhole), 'the cluster')
  return nodes
}

async function clusterNode(): Promise<TestRedis> {
  const port = await freePort()
  return startRedis(port, ['--cluster-enabled', 'yes', '--cluster-config-file', `nodes-${port}.conf`])
}

/** A sentinel that watches a master of the name `mymaster`. */
export async function startSentinel(master: TestRedis): Promise<Pick<TestRedis, 'url' | 'port' | 'stop'>> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-sentinel-'))
  const port = await freePort()
  const file = join(folder, 'sentinel.conf')
  writeFileSync(
    file,
    `port ${port}
bind 127.0.0.1
dir ${folder}
sentinel monitor mymaster 127.0.0.1 ${master.port} 1
sentinel down-after-milliseconds mymaster 500
sentinel failover-timeout mymaster 3000
`,
  )
  const server = serverProcess([file, '--sentinel'], port)
  await server.start()
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    async stop() {
      await server.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function serverProcess(words: readonly string[], port: number) {
  let server: ChildProcess | null = null
  return {
    async start(): Promise<void> {
      server = spawn(program, words, { stdio: 'ignore' })
      for (let tries = 0; tries < 200; tries++) {
        if (await answers(port)) return
        await new Promise((resolve) => setTimeout(resolve, 25))
      }
      throw new Error(`${program} does not answer`)
    },
    async kill(): Promise<void> {
      const running = server
      server = null
      if (!running) return
      const gone = new Promise((resolve) => running.once('exit', resolve))
      running.kill('SIGKILL')
      await gone
    },
    pause: () => void server?.kill('SIGSTOP'),
    resume: () => void server?.kill('SIGCONT'),
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.once('data', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
