import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureDevelopmentCertificate } from '../../../src/app/development-certificate.ts'
import { project } from '../../harness/gate.ts'
import { canaryContract } from './contract.ts'

export interface CanaryGate {
  readonly http: string
  readonly admin: string
  readonly configurationFile: string
  readonly env: NodeJS.ProcessEnv
  readonly stdout: () => string
  readonly stderr: () => string
  /** All octets that it keeps, file by file. */
  state(): readonly string[]
  /** Resolves once its process has ended. */
  stop(): Promise<void>
  remove(): void
}

const panic = fileURLToPath(new URL('./panic.ts', import.meta.url))

/** A gate in a process of its own, all of whose output is kept. */
export async function startCanaryGate(configuration: string, env: NodeJS.ProcessEnv): Promise<CanaryGate> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-secrets-'))
  const configurationFile = join(folder, 'portcullis.yaml')
  writeFileSync(configurationFile, configuration)
  writeFileSync(join(folder, 'openapi.json'), JSON.stringify(canaryContract, null, 1))
  await ensureDevelopmentCertificate(join(folder, 'tls'))
  const child = spawn(
    process.execPath,
    ['--import', panic, `${project}/src/cli/main.ts`, 'run', '-c', configurationFile],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  for (let waited = 0; !stdout.includes('"event":"listening"') && waited < 15_000; waited += 20)
    await new Promise((resolve) => setTimeout(resolve, 20))
  const line = stdout.split('\n').find((one) => one.includes('"event":"listening"'))
  if (line === undefined) {
    child.kill('SIGKILL')
    throw new Error(`it does not listen: ${stdout}${stderr}`)
  }
  const { http, admin } = JSON.parse(line) as { readonly http: string; readonly admin: string }
  const state = join(folder, '.portcullis')
  return {
    http,
    admin,
    configurationFile,
    env,
    stdout: () => stdout,
    stderr: () => stderr,
    state: () =>
      readdirSync(state, { recursive: true, encoding: 'utf8' })
        .map((name) => join(state, name))
        .filter((file) => statSync(file).isFile())
        .map((file) => readFileSync(file, 'latin1')),
    async stop() {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
      await ended
      clearTimeout(timer)
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
