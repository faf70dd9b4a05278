import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { codeOfError, OwnError } from '../base/code-of-error.ts'
import type { Outage } from '../engine/ports.ts'
import type { SessionStore, StoreAnswer } from '../engine/session-store.ts'

const sessionKey = (key: string): string => `portcullis:session:${key}`
const indexKey = (index: string): string => `portcullis:sessions-of:${index}`
const claimKey = (name: string): string => `portcullis:claim:${name}`

/** No session lives longer, see the configuration's `lifetime`. */
const maxIndexMs = 31 * 86_400_000
const done: StoreAnswer = { kind: 'done' }
const refused: StoreAnswer = { kind: 'refused' }
const releaseOwn = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`

/**
 * Sessions in Redis 6.2 or later, or Valkey, shared by all gateways that use it. Idle times run by its clock, lifetimes by
 * the gateway's. What the server evicts or loses is a session that has ended.
 */
export function createRedisSessions(redis: Redis): SessionStore {
  const ownClaims = new Map<string, string>()

  return {
    find: (key, idleMs, nowMs) =>
      answered(async () => {
        const name = sessionKey(key)
        const value = idleMs > 0 ? await redis.getex(name, 'PX', Math.ceil(idleMs)) : await redis.get(name)
        const [, endsMs, sealed] = /^(\d+) (.+)$/.exec(value ?? '') ?? []
        if (sealed === undefined || nowMs >= Number(endsMs)) return { kind: 'none' }
        return { kind: 'found', sealed }
      }),
    create: (key, { sealed, idleMs, endsMs, indexes }, nowMs) =>
      answered(async () => {
        const lastsMs = Math.ceil(Math.min(idleMs, endsMs - nowMs))
        if (lastsMs <= 0) return done
        const all = redis.multi().set(sessionKey(key), withEnd(sealed, endsMs), 'PX', lastsMs)
        for (const index of indexes) {
          const name = indexKey(index)
          all
            .zremrangebyscore(name, '-inf', `${nowMs}`)
            .zadd(name, `${endsMs}`, key)
            .pexpire(name, `${maxIndexMs}`)
        }
        checked(await all.exec())
        return done
      }),
    replace: (key, { sealed, endsMs }) =>
      answered(async () => {
        const set = await redis.set(sessionKey(key), withEnd(sealed, endsMs), 'KEEPTTL', 'XX')
        return set === 'OK' ? done : refused
      }),
    remove: (key) =>
      answered(async () => {
        await redis.del(sessionKey(key))
        return done
      }),
    removeAll: (index) =>
      answered(async () => {
        const name = indexKey(index)
        const keys = await redis.zrange(name, '0', '-1')
        if (keys.length === 0) return done
        // Only what was seen: a session that begins meanwhile must stand in the index, or no later logout finds it.
        checked(
          await redis
            .multi()
            .del(...keys.map(sessionKey))
            .zrem(name, ...keys)
            .exec(),
        )
        return done
      }),
    claim: (name, untilMs, nowMs) =>
      answered(async () => {
        const mark = randomBytes(16).toString('base64url')
        const set = await redis.set(claimKey(name), mark, 'PX', Math.max(1, Math.ceil(untilMs - nowMs)), 'NX')
        if (set !== 'OK') return refused
        ownClaims.set(name, mark)
        setTimeout(() => ownClaims.get(name) === mark && ownClaims.delete(name), untilMs - nowMs).unref()
        return done
      }),
    async release(name) {
      const mark = ownClaims.get(name)
      if (mark === undefined) return
      ownClaims.delete(name)
      // Another's claim, taken after ours ran out, stays.
      await answered(() => redis.eval(releaseOwn, 1, claimKey(name), mark))
    },
    waitingFor: () => (redis.status === 'ready' ? null : 'the session store'),
    async stop() {
      redis.disconnect()
    },
  }
}

const withEnd = (sealed: string, endsMs: number): string => `${Math.ceil(endsMs)} ${sealed}`

async function answered<T>(ask: () => Promise<T>): Promise<T | Outage> {
  try {
    return await ask()
  } catch (error) {
    return { kind: 'fault', detail: `the session store: ${codeOfError(error)}` }
  }
}

/** A transaction answers command by command; one that failed is an outage of the whole. */
function checked(results: readonly [error: Error | null, result: unknown][] | null): void {
  if (results === null) throw new OwnError('the transaction was not executed')
  for (const [error] of results) if (error) throw error
}
