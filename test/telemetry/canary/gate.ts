import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureDevelopmentCertificate } from '../../../src/app/development-certificate.ts'
import type { Collector } from '../../harness/collector.ts'
import { project } from '../../harness/gate.ts'
import { patienceMs } from '../../harness/until.ts'
import { canaryContract } from './contract.ts'
import { leaksIn } from './plants.ts'

export interface CanaryGate {
  readonly https: string
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

export interface CanaryGateOptions {
  readonly contract?: object
  /** What is loaded before the gate's own code, beside this file. */
  readonly preload?: string
}

/** A gate in a process of its own, all of whose output is kept. */
export async function startCanaryGate(
  configuration: string,
  env: NodeJS.ProcessEnv,
  { contract = canaryContract, preload = './panic.ts' }: CanaryGateOptions = {},
): Promise<CanaryGate> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-secrets-'))
  const configurationFile = join(folder, 'portcullis.yaml')
  writeFileSync(configurationFile, configuration)
  writeFileSync(join(folder, 'openapi.json'), JSON.stringify(contract, null, 1))
  await ensureDevelopmentCertificate(join(folder, 'tls'))
  const child = spawn(
    process.execPath,
    [
      '--import',
      fileURLToPath(new URL(preload, import.meta.url)),
      `${project}/src/cli/main.ts`,
      'run',
      '-c',
      configurationFile,
    ],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  for (let waited = 0; !stdout.includes('"event":"listening"') && waited < patienceMs; waited += 20)
    await new Promise((resolve) => setTimeout(resolve, 20))
  const line = stdout.split('\n').find((one) => one.includes('"event":"listening"'))
  if (line === undefined) {
    child.kill('SIGKILL')
    throw new Error(`it does not listen: ${stdout}${stderr}`)
  }
  const { https, http, admin } = JSON.parse(line) as Pick<CanaryGate, 'https' | 'http' | 'admin'>
  const state = join(folder, '.portcullis')
  return {
    https,
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

/** Secrets in what gates that have stopped wrote, kept, and sent to a collector. */
export function leaksOf(gates: readonly CanaryGate[], collector: Collector): readonly string[] {
  return [
    ...gates.flatMap((gate) => [
      ...leaksIn('log', gate.stdout()),
      ...leaksIn('stderr', gate.stderr()),
      ...gate.state().flatMap((octets) => leaksIn('state', octets)),
    ]),
    ...leaksIn('otlp', JSON.stringify([collector.spans, collector.metrics])),
    ...leaksIn('otlplog', JSON.stringify(collector.logs)),
  ]
}
