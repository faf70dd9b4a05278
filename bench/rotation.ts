import { createTestKey, type TestKey } from '../test/harness/issuer.ts'
import { requestsFile, runClient, wireRequest } from './client.ts'
import { statusesOf } from './flood.ts'
import { subjects } from './subjects.ts'
import type { Received } from './traffic.ts'
import type { World } from './world.ts'

export interface RotationFigures {
  readonly rotations: number
  /** Answers to tokens of the key that was there, from before the rotation until after it. */
  readonly before: Readonly<Record<string, number>>
  /** Answers to tokens of the new key, from the moment it is published. */
  readonly after: Readonly<Record<string, number>>
}

const rotations = 3
/** Longer than the pause between two fetches that unknown keys cause. */
const seconds = 6
const rate = 300
const tokenCount = 500

/**
 * The issuer changes its key while valid requests come at a fixed rate. The new key is published in the moment it is
 * first used, which is the hardest a sound issuer does; the old one stays published for the tokens it has signed.
 */
export async function measureRotation(world: World): Promise<RotationFigures> {
  const gateway = await subjects.find(({ name }) => name === 'portcullis')?.start(world)
  if (!gateway) throw new Error('there is no gateway to rotate keys under')
  const port = Number(new URL(gateway.origin).port)
  const client = async (key: TestKey, forSeconds: number): Promise<Received> => {
    const file = requestsFile(world, key.kid, await requestsOf(world, key))
    return runClient({ ports: [port], from: ['127.0.0.1'], connections: 16, rate, seconds: forSeconds, file })
  }
  const before: Received[] = []
  const after: Received[] = []
  try {
    let current = world.authority.key
    for (let rotation = 0; rotation < rotations; rotation++) {
      const next = await createTestKey('RS256', `rotated-${rotation}`)
      const older = client(current, seconds)
      await new Promise((resolve) => setTimeout(resolve, 2000))
      world.authority.keys = [next.jwk, current.jwk]
      after.push(await client(next, seconds - 2))
      before.push(await older)
      current = next
    }
  } finally {
    gateway.stop()
  }
  const figures = { rotations, before: statusesOf(before), after: statusesOf(after) }
  console.log(
    `${rotations} rotations under load: answers to the old key's tokens ${JSON.stringify(figures.before)}, to the new key's ${JSON.stringify(figures.after)}\n`,
  )
  return figures
}

function requestsOf(world: World, key: TestKey): Promise<readonly string[]> {
  const exp = Math.floor(Date.now() / 1000) + 300
  return Promise.all(
    Array.from({ length: tokenCount }, async (_, i) =>
      wireRequest(
        await world.authority.token({ sub: `user-${i}`, scope: 'orders:read', exp }, { kid: key.kid }, key),
      ),
    ),
  )
}
