import { randomBytes } from 'node:crypto'
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
const saturatingSeconds = 2
/** With it a round has 2 000 answers of the gateway's own. */
const seconds = 8
const clientRate = 300
/** One that is forwarded, and five that the gateway answers itself. */
const clientLimits = [10, 0, 0, 0, 0, 0]
/** The client's turns come before the attackers' on the core they share: their work is not to count as the gateway's delay. */
const clientNiceness = -15
const attackerNiceness = 10

/**
 * A client at a low fixed rate, alone and beside a flood of invalid tokens from other addresses, in turn.
 *
 * Half of the tokens are well-formed ones with another signature, half name a key that the issuer does not have. The
 * limits are wide: with narrow ones most of the flood would end at the door, before any signature is looked at.
 *
 * The delay inside the gateway is that of requests with a good token and a parameter outside of the contract, seen from
 * outside: the wait in its sockets is in it, which no clock of its own can see, and no upstream is. The attackers' process
 * runs in the quiet rounds too and sends nothing: a core that sleeps wakes late, and that is not to count as calm.
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
  const attacking = {
    ports: [port],
    from: attackers,
    connections: 64,
    even: true,
    file: requestsFile(world, 'invalid', invalidRequests(world)),
  }
  const requests = clientLimits.map((limit) => wireRequest(world.token, limit))
  const file = requestsFile(world, 'valid', requests)
  const valid: Orders = {
    ports: [port],
    from: ['127.0.0.1'],
    connections: 4,
    rate: clientRate,
    seconds,
    file,
  }
  const saturate = () => runClient({ ...attacking, rate: null, seconds: saturatingSeconds }, attackerNiceness)
  await saturate()
  const saturationRps = (await saturate()).latenciesUs.length / saturatingSeconds
  const rate = saturationRps / 2
  const warmUp = { ...valid, seconds: saturatingSeconds }
  await Promise.all([
    runClient({ ...attacking, rate, seconds: saturatingSeconds }, attackerNiceness),
    runClient(warmUp, clientNiceness),
  ])

  const quiet: Received[] = []
  const flooded: Received[] = []
  const attacks: Received[] = []
  for (let round = 0; round < rounds; round++) {
    const silent = runClient({ ...attacking, rate: 0, seconds }, attackerNiceness)
    quiet.push(await runClient(valid, clientNiceness))
    await silent
    const attack = runClient({ ...attacking, rate, seconds }, attackerNiceness)
    flooded.push(await runClient(valid, clientNiceness))
    attacks.push(await attack)
  }
  const delays = [
    { name: 'answered by the gateway', status: '400' },
    { name: 'forwarded', status: '200' },
  ].flatMap(({ name, status }) =>
    [50, 99].map((percent) => {
      const at = (all: readonly Received[]) =>
        all.map(({ byStatusUs }) => percentile(byStatusUs[status] ?? [], percent))
      return delay(`${name}, p${percent}`, at(quiet), at(flooded))
    }),
  )
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
