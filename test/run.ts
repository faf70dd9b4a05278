import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { delimiter } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Suite, suites } from './suites.ts'

// Runs every suite whose needs are met, or those named as arguments. Installs nothing.
// Under CI=true a suite that cannot run is a failure, and so is a test that leaves itself out.

const project = fileURLToPath(new URL('..', import.meta.url))
const named = process.argv.slice(2)
const unknown = named.filter((name) => !suites.some((suite) => suite.name === name))
if (unknown.length > 0) {
  console.error(
    `no such suite: ${unknown.join(', ')}; there are ${suites.map(({ name }) => name).join(', ')}`,
  )
  process.exit(2)
}

const wanted = named.length > 0 ? suites.filter(({ name }) => named.includes(name)) : suites
/** A test that blocks its thread is out of reach of the runner's own time-out. */
const suiteMinutes = 20

const failed: string[] = []
const leftOut: string[] = []
for (const suite of wanted) {
  const missing = suite.needs.filter(({ present }) => !present()).map(({ name }) => name)
  if (missing.length > 0) {
    leftOut.push(`${suite.name} (${missing.join(', ')} not installed)`)
    continue
  }
  const startedMs = performance.now()
  const code = await runSuite(suite)
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  console.log(`${code === 0 ? 'passed' : 'FAILED'}  ${suite.name}  ${seconds} s`)
  if (code !== 0) failed.push(suite.name)
}

if (leftOut.length > 0)
  console.log(`left out: ${leftOut.join('; ')}. npm run test:setup installs what is missing.`)
console.log(failed.length === 0 ? 'all suites that ran passed' : `failed: ${failed.join(', ')}`)
process.exitCode = failed.length > 0 || (process.env.CI === 'true' && leftOut.length > 0) ? 1 : 0

/** @returns the exit code; null when a signal ended it, ours among them */
async function runSuite({ name, files, command, env }: Suite): Promise<number | null> {
  const [program = process.execPath, ...args] = command ?? [
    process.execPath,
    '--test',
    '--test-timeout=120000',
    // What a failed test left open must not keep the run from ending.
    '--test-force-exit',
    '--test-reporter=dot',
    '--test-reporter-destination=stdout',
    '--test-reporter=./test/harness/left-out.ts',
    '--test-reporter-destination=stdout',
    ...(files ?? []),
  ]
  const path = [`${project}node_modules/.bin`, process.env.PATH, '/usr/sbin'].join(delimiter)
  const suite = spawn(program, args, {
    cwd: project,
    stdio: 'inherit',
    // A group of its own, so that what hangs ends together with all that it started.
    detached: true,
    env: { ...process.env, ...env, PATH: path },
  })
  const exit = once(suite, 'exit') as Promise<[number | null]>
  const { pid } = suite
  if (pid === undefined) return (await exit.catch(() => [1]))[0] ?? null
  const endAll = () => process.kill(-pid, 'SIGKILL')
  const watch = setTimeout(() => {
    console.log(`${name} still ran after ${suiteMinutes} minutes, and was ended`)
    endAll()
  }, suiteMinutes * 60_000)
  const interrupted = () => {
    endAll()
    process.exit(130)
  }
  process.once('SIGINT', interrupted)
  process.once('SIGTERM', interrupted)
  const [code] = await exit
  clearTimeout(watch)
  process.off('SIGINT', interrupted)
  process.off('SIGTERM', interrupted)
  return code
}
