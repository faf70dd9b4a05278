import { createHash } from 'node:crypto'
import type { Cluster, Redis } from 'ioredis'

/** A connection to one server, to the master that Sentinels name, or to a cluster. */
export type RedisConnection = Redis | Cluster

/** A script by its digest; in full where the server does not know it yet, or not any more. */
export class RedisScript {
  readonly #text: string
  readonly #digest: string

  constructor(text: string) {
    this.#text = text
    this.#digest = createHash('sha1').update(text).digest('hex')
  }

  /** @returns what the script returns, texts as octets; rejects with what the server or the driver says */
  async run(redis: RedisConnection, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args]
    try {
      return await redis.callBuffer('evalsha', [this.#digest, ...rest])
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return redis.callBuffer('eval', [this.#text, ...rest])
    }
  }
}
