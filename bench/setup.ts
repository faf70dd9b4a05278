import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

// Installs the peers that come from npm; says which of Debian's packages the others are in.

const here = fileURLToPath(new URL('.', import.meta.url))
console.log('peers from npm (Express and Fastify stacks), into bench/node_modules')
const { status } = spawnSync(
  'npm',
  ['ci', '--prefix', here, '--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts'],
  { stdio: 'inherit' },
)
console.log(
  "load generator and native peers are Debian's: apt-get install wrk nginx-light haproxy util-linux",
)
process.exitCode = status === 0 ? 0 : 1
