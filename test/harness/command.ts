import { type ChildProcess, spawn } from 'node:child_process'
import { project } from './gate.ts'
import { patienceMs } from './until.ts'

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** Written to its standard input, which is then closed. */
  readonly input?: string
}

/** Runs a program to its end; after half a minute it is killed. */
export function run(
  file: string,
  args: readonly string[],
  { cwd, env, input }: RunOptions = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, env: { ...process.env, ...env }, timeout: 30_000 })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
    child.stdin.on('error', () => {})
    child.stdin.end(input ?? '')
  })
}

const main = `${project}/src/cli/main.ts`

/** Runs a command of Portcullis to its end. */
export function portcullis(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return run(process.execPath, [main, ...args], options)
}

export interface RunningCommand {
  readonly child: ChildProcess
  /** Lines of standard output so far, parsed. */
  readonly log: readonly { readonly event: string; readonly [field: string]: unknown }[]
  /** The first line of this event from `from` on, once it is there; fails after half a minute. */
  logged(event: string, from?: number): Promise<{ readonly event: string; readonly [field: string]: unknown }>
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>
}

/**
 * Starts `portcullis run`; whoever starts it must see to its end.
 * @param more words of its command line
 */
export function startRun(
  configurationFile: string,
  options: RunOptions = {},
  more: readonly string[] = [],
): RunningCommand {
  const child = spawn(process.execPath, [main, 'run', '-c', configurationFile, ...more], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const log: { event: string }[] = []
  let rest = ''
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) log.push(JSON.parse(line) as { event: string })
  })
  return {
    child,
    log,
    async logged(event, from = 0) {
      for (let waited = 0; waited < patienceMs; waited += 10) {
        const found = log.slice(from).find((line) => line.event === event)
        if (found) return found
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      throw new Error(`no ${event} among ${log.map((line) => line.event).join(', ')}`)
    },
    ended: new Promise((resolve) => child.on('close', resolve)),
  }
}
