import { spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { freePort } from './free-port.ts'

/** A PostgreSQL server of its own, on loopback. */
export interface TestPostgres {
  readonly url: string
  urlOf(database: string): string
  /** Makes a database of that name. @returns its URL */
  createDatabase(name: string): string
  /** Stops it, keeping its data. */
  halt(): Promise<void>
  resume(): Promise<void>
  /** Ends it and removes everything. */
  stop(): Promise<void>
}

/** What a test file about databases has: a folder for those that are files, and a server. */
export interface TestDatabases {
  readonly folder: string
  /** From the first test on. */
  readonly postgres: TestPostgres
}

/** Made before the tests of the file that calls it, and removed after them. */
export function useDatabases(name: string): TestDatabases {
  const folder = mkdtempSync(join(tmpdir(), `portcullis-${name}-`))
  let postgres: TestPostgres | null = null
  before(async () => {
    postgres = await startPostgres()
  })
  after(async () => {
    await postgres?.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    folder,
    get postgres() {
      if (postgres === null) throw new Error('PostgreSQL is started before the first test, and not before')
      return postgres
    },
  }
}

const versions = '/usr/lib/postgresql'

/** Folder of PostgreSQL's programs, as Debian lays them; null when it is not installed. */
export function postgresPrograms(): string | null {
  const [newest] = existsSync(versions) ? readdirSync(versions).toSorted((a, b) => Number(b) - Number(a)) : []
  return newest === undefined ? null : join(versions, newest, 'bin')
}

export async function startPostgres(): Promise<TestPostgres> {
  const programs = postgresPrograms()
  if (programs === null) throw new Error('PostgreSQL is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-postgres-'))
  const data = join(folder, 'data')
  mkdirSync(data, { mode: 0o700 })
  // The server refuses to run as root.
  const root = process.getuid?.() === 0
  const [uid, gid] = root ? idsOf('postgres') : []
  if (uid !== undefined && gid !== undefined) for (const one of [folder, data]) chownSync(one, uid, gid)
  const identity = uid === undefined || gid === undefined ? {} : { uid, gid }
  const port = await freePort()
  const made = spawnSync(join(programs, 'initdb'), ['-D', data, '-U', 'gate', '-A', 'trust', '-N'], {
    ...identity,
    encoding: 'utf8',
  })
  if (made.status !== 0) throw new Error(made.stderr)
  let server = await start()
  const urlOf = (database: string) => `postgres://gate@127.0.0.1:${port}/${database}`
  const url = urlOf('postgres')
  return {
    url,
    urlOf,
    createDatabase(name) {
      const { status, stderr } = spawnSync('psql', ['-q', '-c', `CREATE DATABASE ${name}`, url], {
        encoding: 'utf8',
      })
      if (status !== 0) throw new Error(stderr)
      return urlOf(name)
    },
    halt: () => end(),
    async resume() {
      server = await start()
    },
    async stop() {
      await end()
      rmSync(folder, { recursive: true, force: true })
    },
  }

  async function start() {
    const words = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder, '-F']
    const child = spawn(join(programs ?? '', 'postgres'), words, {
      ...identity,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString()
        if (said.includes('ready to accept connections')) resolve()
      })
      child.on('exit', () => reject(new Error(said)))
    })
    return child
  }

  async function end(): Promise<void> {
    if (server.exitCode !== null) return
    const ended = new Promise((resolve) => server.once('exit', resolve))
    server.kill('SIGINT')
    await ended
  }
}

function idsOf(user: string): readonly [uid: number, gid: number] {
  const id = (flag: string) => Number(spawnSync('id', [flag, user], { encoding: 'utf8' }).stdout)
  return [id('-u'), id('-g')]
}
