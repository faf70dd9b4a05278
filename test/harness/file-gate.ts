import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type GateOptions, type LogLine, project, startGate, type TestGate } from './gate.ts'
import { until } from './until.ts'

/** A gate in a process of its own that writes its log to a file. */
export interface FileGate {
  /** In front of the same upstream, with the same configuration. */
  readonly gate: TestGate
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  readonly logFile: string
  readonly http: string
  readonly admin: string
  /** Lines in all its files, the oldest first. */
  lines(): readonly LogLine[]
  count(event: string): number
  readonly stdout: () => string
  readonly stderr: () => string
  stop(): Promise<void>
}

export interface FileGateOptions extends Pick<GateOptions, 'document' | 'limits' | 'upstream'> {
  readonly workers?: number
  /** In the folder of the gate by default. */
  readonly logFile?: string
  /** More keys of `log.file`, YAML. */
  readonly file?: string
  /** More keys of `log`. */
  readonly log?: string
  readonly more?: string
}

export async function startFileGate(options: FileGateOptions = {}): Promise<FileGate> {
  const path = JSON.stringify(options.logFile ?? './gate.log')
  const gate = await startGate({
    ...options,
    workers: 1,
    more: `log: { to: file, file: { path: ${path}, ${options.file ?? ''} }, ${options.log ?? ''} }\n${options.more ?? ''}`,
  })
  const logFile = options.logFile ?? join(gate.folder, 'gate.log')
  const child = spawn(
    process.execPath,
    [
      `${project}/src/cli/main.ts`,
      'run',
      '-c',
      gate.configurationFile,
      '--workers',
      String(options.workers ?? 1),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const lines = () => linesOf(logFile)
  const stop = async () => {
    child.kill('SIGKILL')
    await ended
    await gate.stop()
  }
  try {
    await until(() => lines().some(({ event }) => event === 'ready'), 'ready')
  } catch (error) {
    await stop()
    throw error
  }
  const ready = lines().find(({ event }) => event === 'ready')
  return {
    gate,
    child,
    ended,
    logFile,
    http: String(ready?.http),
    admin: String(ready?.admin),
    lines,
    count: (event) => lines().filter((line) => line.event === event).length,
    stdout: () => stdout,
    stderr: () => stderr,
    stop,
  }
}

/** Files of a log, the oldest first. */
export function filesOf(logFile: string): readonly string[] {
  const [folder, name] = [dirname(logFile), basename(logFile)]
  const aside = readdirSync(folder).filter((one) => one.startsWith(`${name}.`))
  const number = (one: string) => Number(one.slice(name.length + 1))
  const files = aside.toSorted((a, b) => number(b) - number(a)).map((one) => join(folder, one))
  return existsSync(logFile) ? [...files, logFile] : files
}

/** @throws where a line is no JSON */
export function linesOf(logFile: string): readonly LogLine[] {
  return filesOf(logFile).flatMap((file) => parsed(readFileSync(file, 'utf8')))
}

/** Whole lines. */
export function parsed(text: string): readonly LogLine[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as LogLine)
}
