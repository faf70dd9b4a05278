import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { percentile, requestsFile, runClient, wireRequest } from './client.ts'
import { type Spread, shown, spreadOf, table } from './statistics.ts'
import { type Started, subjects } from './subjects.ts'
import type { Orders, Received } from './traffic.ts'
import type { World } from './world.ts'

export interface FloodFigures {
  /** Invalid tokens a second that the gateway can refuse. */
  readonly saturationRps: number
  readonly floodRps: number
  readonly attackers: Readonly<Record<string, number>>
  /** Answers to the well-behaved client. */
  readonly client: Readonly<Record<string, number>>
  readonly delays: readonly Delay[]
}

interface Delay {
  readonly name: string
  readonly quietUs: Spread
  readonly floodUs: Spread
  /** Median of the ratios of neighbouring runs. */
  readonly ratio: Spread
}

const attackers = Array.from({ length: 8 }, (_, i) => `127.0.0.${i + 2}`)
/** More than the gateway remembers of wrong signatures, so that each has to be verified. */
const invalidTokens = 24_000
const seconds = 2
const clientRate = 200

/**
 * A client at a low fixed rate, alone and beside a flood of invalid tokens from other addresses, in turn.
 *
 * Half of the tokens are well-formed ones with another signature, half name a key that the issuer does not have. The
 * limits are wide: with narrow ones most of the flood would end at the door, before any signature is looked at.
 */
export async function measureFlood(world: World, rounds: number): Promise<FloodFigures> {
  const gateway = await subjects.find(({ name }) => name === 'portcullis')?.start(world)
  if (!gateway) throw new Error('there is no gateway to flood')
  try {
    return await flood(world, gateway, rounds)
  } finally {
    gateway.stop()
  }
}

async function flood(world: World, gateway: Started, rounds: number): Promise<FloodFigures> {
  const port = Number(new URL(gateway.origin).port)
  const invalid = {
    port,
    from: attackers,
    connections: 64,
    seconds,
    file: requestsFile(world, 'invalid', invalidRequests(world)),
  }
  const valid = (name: string): Orders => ({
    port,
    from: ['127.0.0.1'],
    connections: 4,
    rate: clientRate,
    seconds,
    file: requestsFile(world, name, [wireRequest(world.token, name)]),
  })
  await runClient({ ...invalid, rate: null })
  const saturated = await runClient({ ...invalid, rate: null })
  const saturationRps = saturated.latenciesUs.length / seconds
  const floodRps = saturationRps / 2
  await runClient(valid('warm-up'))

  const quiet: Received[] = []
  const flooded: Received[] = []
  const attacks: Received[] = []
  for (let round = 0; round < rounds; round++) {
    quiet.push(await runClient(valid(`quiet-${round}`)))
    const attack = runClient({ ...invalid, rate: floodRps })
    flooded.push(await runClient(valid(`flood-${round}`)))
    attacks.push(await attack)
  }
  const inside = durations(join(world.folder, `${port}.log`))
  const delays = [50, 99].flatMap((percent) => [
    delay(
      `at the client, p${percent}`,
      quiet.map(({ latenciesUs }) => percentile(latenciesUs, percent)),
      flooded.map(({ latenciesUs }) => percentile(latenciesUs, percent)),
    ),
    delay(
      `in the log, p${percent}`,
      quiet.map((_, round) => percentile(inside.get(`quiet-${round}`) ?? [], percent)),
      flooded.map((_, round) => percentile(inside.get(`flood-${round}`) ?? [], percent)),
    ),
  ])
  const figures = {
    saturationRps,
    floodRps: attacks.reduce((sum, { sent }) => sum + sent, 0) / (rounds * seconds),
    attackers: statusesOf(attacks),
    client: statusesOf([...quiet, ...flooded]),
    delays,
  }
  tell(figures)
  return figures
}

function tell({ saturationRps, floodRps, attackers: denied, client, delays }: FloodFigures): void {
  const rows = delays.map(({ name, quietUs, floodUs, ratio }) => [
    name,
    shown(quietUs),
    shown(floodUs),
    shown(ratio, 2),
  ])
  console.log(
    `invalid tokens: ${saturationRps.toFixed(0)}/s saturate the gateway, ${floodRps.toFixed(0)}/s sent; answers to them ${JSON.stringify(denied)}, to the client ${JSON.stringify(client)}\n${table([['delay of the client', 'quiet µs', 'flood µs', 'ratio'], ...rows])}\n`,
  )
}

function delay(name: string, quiet: readonly number[], flooded: readonly number[]): Delay {
  const ratios = flooded.map((us, round) => us / (quiet[round] ?? Number.NaN))
  return { name, quietUs: spreadOf(quiet), floodUs: spreadOf(flooded), ratio: spreadOf(ratios) }
}

export function statusesOf(all: readonly Received[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {}
  for (const { statuses } of all)
    for (const [status, count] of Object.entries(statuses)) sums[status] = (sums[status] ?? 0) + count
  return sums
}

function invalidRequests({ token }: World): readonly string[] {
  const [header = '', payload = '', signature = ''] = token.split('.')
  const octets = Buffer.from(signature, 'base64url').length
  const claimed = JSON.parse(Buffer.from(header, 'base64url').toString()) as object
  return Array.from({ length: invalidTokens }, (_, i) => {
    const wrong = randomBytes(octets).toString('base64url')
    const kid = randomBytes(12).toString('base64url')
    const other = Buffer.from(JSON.stringify({ ...claimed, kid })).toString('base64url')
    return wireRequest(`${i % 2 === 0 ? header : other}.${payload}.${wrong}`)
  })
}

/** `duration_ms` of the gateway's log by user agent, microseconds: from the head being read to the answer's end. */
function durations(file: string): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>()
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (!line.startsWith('{') || !line.includes('"event":"request"')) continue
    const read = JSON.parse(line) as { 'user_agent.original'?: string; duration_ms: number }
    const name = read['user_agent.original'] ?? ''
    const own = found.get(name)
    if (own) own.push(read.duration_ms * 1000)
    else found.set(name, [read.duration_ms * 1000])
  }
  return found
}
