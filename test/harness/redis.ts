import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'

/** Debian's redis-server on a port of loopback, keeping nothing on disk. */
export interface TestRedis {
  readonly url: string
  /** Takes it away without a word, or lets it go on: what it kept is lost. */
  kill(): Promise<void>
  start(): Promise<void>
  /** Lets it hang, keeping what it has, until it is resumed. */
  pause(): void
  resume(): void
  stop(): Promise<void>
}

/** @param wanted a port; a free one otherwise */
export async function startRedis(wanted?: number): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-redis-'))
  const port = wanted ?? (await freePort())
  let server: ChildProcess | null = null

  async function start(): Promise<void> {
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
    server = spawn('redis-server', words, { stdio: 'ignore' })
    for (let tries = 0; tries < 200; tries++) {
      if (await answers(port)) return
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    throw new Error('redis-server does not answer')
  }

  async function kill(): Promise<void> {
    const running = server
    server = null
    if (!running) return
    const gone = new Promise((resolve) => running.once('exit', resolve))
    running.kill('SIGKILL')
    await gone
  }

  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    start,
    kill,
    pause: () => void server?.kill('SIGSTOP'),
    resume: () => void server?.kill('SIGCONT'),
    async stop() {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
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
