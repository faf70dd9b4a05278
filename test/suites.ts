import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isInstalled } from './documents/official-schema.ts'
import { postgresPrograms } from './harness/postgres.ts'
import { node24 } from './package/node-24.ts'

/** One suite: how it runs, and what must be on the machine for it. */
export interface Suite {
  readonly name: string
  /** Patterns of test files, or a program and its arguments. */
  readonly files?: readonly string[]
  readonly command?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly needs: readonly Need[]
}

export interface Need {
  readonly name: string
  readonly present: () => boolean
}

/** Where `test:setup` puts it. */
export const valkeyServer = fileURLToPath(new URL('packages/.cache/valkey-server', import.meta.url))
const packages = fileURLToPath(new URL('packages/node_modules/', import.meta.url))

const program = (name: string): Need => ({
  name,
  present: () =>
    (process.env.PATH ?? '')
      .split(delimiter)
      .concat('/usr/sbin')
      .some((folder) => existsSync(join(folder, name))),
})
const valkey: Need = { name: 'valkey-server', present: () => existsSync(valkeyServer) }
const github: Need = {
  name: "GitHub's document",
  present: () => existsSync(join(packages, '@octokit/openapi')),
}
const oracle: Need = { name: 'Ajv', present: () => existsSync(join(packages, 'ajv')) }
const otlp: Need = {
  name: 'the official definitions of OTLP',
  present: () => existsSync(join(packages, '@opentelemetry/otlp-transformer')),
}
const official: Need = { name: 'the official schemas of OpenAPI', present: isInstalled }
const postgres: Need = { name: 'postgresql', present: () => postgresPrograms() !== null }
const mounting: Need = { name: 'the right to mount a tmpfs', present: () => process.getuid?.() === 0 }
const oldest: Need = { name: 'Node.js 24', present: () => existsSync(node24) }

export const suites: readonly Suite[] = [
  { name: 'types', command: ['tsc', '-p', 'tsconfig.json'], needs: [] },
  { name: 'laws', files: ['test/laws/*.test.ts'], needs: [] },
  { name: 'unit', files: ['src/**/*.test.ts', 'bench/*.test.ts'], needs: [] },
  { name: 'conformance', files: ['test/conformance/*.test.ts'], needs: [] },
  { name: 'documents', files: ['test/documents/*.test.ts'], needs: [official] },
  { name: 'docs', files: ['test/docs/*.test.ts'], needs: [program('curl')] },
  { name: 'attacks', files: ['test/attacks/*.test.ts'], needs: [] },
  { name: 'e2e', files: ['test/e2e/*.test.ts'], needs: [program('curl'), program('openssl')] },
  { name: 'threads', files: ['test/threads/*.test.ts'], needs: [] },
  { name: 'stores', files: ['test/stores/*.test.ts'], needs: [postgres] },
  {
    name: 'limits',
    files: ['test/limits/*.test.ts'],
    needs: [program('redis-server'), program('redis-cli'), program('openssl')],
  },
  {
    name: 'valkey',
    files: ['test/limits/*.test.ts', 'test/sessions/shared-store.test.ts'],
    env: { REDIS_SERVER: valkeyServer },
    needs: [valkey, program('redis-cli')],
  },
  {
    name: 'trail',
    files: ['test/trail/*.test.ts'],
    needs: [postgres, program('psql'), program('sqlite3'), mounting],
  },
  {
    name: 'sessions',
    files: ['test/sessions/*.test.ts'],
    needs: [program('chromium'), program('redis-server')],
  },
  {
    name: 'telemetry',
    files: ['test/telemetry/*.test.ts'],
    needs: [program('promtool'), program('jq'), program('openssl'), mounting, otlp],
  },
  { name: 'peers', files: ['test/peers/*.test.ts'], needs: [program('nginx'), program('curl')] },
  { name: 'demo', command: ['node', 'src/cli/main.ts', 'demo', '--check'], needs: [] },
  { name: 'github', files: ['test/github/*.test.ts'], needs: [github, oracle] },
  { name: 'package', files: ['test/package/*.test.ts'], needs: [oldest, program('npm')] },
]
