import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { endedCpuUs } from './cpu-time.ts'
import type { Started } from './subjects.ts'
import { otherCore, type World } from './world.ts'

export interface Scenario {
  readonly name: string
  readonly status: number
  readonly request: (world: World) => Request
}

interface Request {
  readonly method: string
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export interface Run {
  /** CPU time of the proxy for each request. */
  readonly cpuUs: number
  readonly rps: number
  readonly p50Us: number
  readonly p99Us: number
  /** CPU time of wrk. */
  readonly loaderCpuUs: number
  readonly durationUs: number
}

/** The load generator. */
interface Loader {
  /** A list as taskset reads it. */
  readonly cores: string
  readonly threads: number
  readonly connections: number
}

export const connections = 64
const onItsCore: Loader = { cores: otherCore, threads: 1, connections }

/** The body of the POST: an order that fits the contract. */
export const order = JSON.stringify({
  items: Array.from({ length: 6 }, (_, i) => ({
    sku: `AB-${1000 + i}`,
    quantity: i + 1,
    engraving: 'For Ada, with love',
  })),
  shipTo: {
    name: 'Ada Lovelace',
    street: '12 St James Square',
    city: 'London',
    postalCode: 'SW1Y 4JH',
    country: 'GB',
  },
  note: 'x'.repeat(104),
})

const bearer = ({ token }: World) => ({ Authorization: `Bearer ${token}` })

export const scenarios: readonly Scenario[] = [
  {
    name: 'GET with a query',
    status: 200,
    request: (world) => ({ method: 'GET', target: '/orders?status=open&limit=10', headers: bearer(world) }),
  },
  {
    name: `POST of ${order.length} octets`,
    status: 200,
    request: (world) => ({
      method: 'POST',
      target: '/orders',
      headers: { ...bearer(world), 'Content-Type': 'application/json' },
      body: order,
    }),
  },
  {
    name: 'denied: no token',
    status: 401,
    request: () => ({ method: 'GET', target: '/orders?status=open&limit=10', headers: {} }),
  },
]

const post = (world: World, body: string) => ({
  method: 'POST',
  target: '/orders',
  headers: { ...bearer(world), 'Content-Type': 'application/json' },
  body,
})
const get = (world: World, target: string, headers: Readonly<Record<string, string>> = bearer(world)) => ({
  method: 'GET',
  target,
  headers,
})

/** Denials of Portcullis, each beside the pass of the same method. */
export const denials: readonly Scenario[] = [
  { name: 'credential_missing', status: 401, request: (world) => get(world, '/orders?status=open', {}) },
  {
    name: 'credential_invalid',
    status: 401,
    request: (world) => get(world, '/orders?status=open', { Authorization: `Bearer ${world.badToken}` }),
  },
  { name: 'route_unknown', status: 404, request: (world) => get(world, '/nothing') },
  { name: 'path_ambiguous', status: 400, request: (world) => get(world, '/orders/%2e%2e/x') },
  {
    name: 'method_not_allowed',
    status: 405,
    request: (world) => ({ ...get(world, '/orders'), method: 'DELETE' }),
  },
  {
    name: 'malformed_request',
    status: 400,
    request: (world) => get(world, '/orders', { ...bearer(world), Cookie: 'a=\x7f' }),
  },
  { name: 'parameter_invalid', status: 400, request: (world) => get(world, '/orders?status=lost&limit=0') },
  { name: 'body_unexpected', status: 400, request: (world) => ({ ...get(world, '/orders'), body: '{}' }) },
  {
    name: 'body_invalid',
    status: 400,
    request: (world) => post(world, order.replace('"quantity":1', '"quantity":0,"price":1')),
  },
  {
    name: 'media_type_unsupported',
    status: 415,
    request: (world) => ({
      ...post(world, order),
      headers: { ...bearer(world), 'Content-Type': 'text/plain' },
    }),
  },
]

/** One run of wrk. */
export async function load(
  subject: Started,
  scenario: Scenario,
  world: World,
  seconds: number,
  loader = onItsCore,
): Promise<Run> {
  const script = join(world.folder, 'load.lua')
  const { method, target, headers, body } = scenario.request(world)
  const lines = Object.entries(headers).map(
    ([name, value]) => `wrk.headers["${name}"] = ${JSON.stringify(value)}`,
  )
  writeFileSync(
    script,
    `wrk.method = "${method}"
${lines.join('\n')}
${body === undefined ? '' : `wrk.body = [==[${body}]==]`}
local bad = 0
function response(status) if status ~= ${scenario.status} then bad = bad + 1; wrk.thread:set("bad", bad) end end
local threads = {}
function setup(thread) table.insert(threads, thread) end
function done(summary, latency)
  local wrong = 0
  for _, thread in ipairs(threads) do wrong = wrong + (thread:get("bad") or 0) end
  io.write(string.format("%d %d %f %f %d %d\\n", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), wrong,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
`,
  )
  const before = subject.cpuUs()
  const endedBefore = endedCpuUs()
  const output = await run([
    'taskset',
    '-c',
    loader.cores,
    'wrk',
    `-t${loader.threads}`,
    `-c${loader.connections}`,
    `-d${seconds}s`,
    '-s',
    script,
    subject.origin + target,
  ])
  const cpu = subject.cpuUs() - before
  const [requests = 0, durationUs = 0, p50Us = 0, p99Us = 0, wrong = 0, errors = 0] = (
    output.trim().split('\n').at(-1) ?? ''
  )
    .split(' ')
    .map(Number)
  if (wrong > 0 || errors > 0 || requests === 0)
    throw new Error(
      `${scenario.name}: ${wrong} answers were not ${scenario.status}, ${errors} errors, of ${requests}`,
    )
  const loaderCpuUs = endedCpuUs() - endedBefore
  return { cpuUs: cpu / requests, rps: (requests / durationUs) * 1e6, p50Us, p99Us, loaderCpuUs, durationUs }
}

function run([file = '', ...args]: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.on('error', reject)
    child.on('close', () => resolve(output))
  })
}
