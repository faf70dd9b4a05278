import type { Redis } from 'ioredis'

const answerWithinMs = 1000
const maxRetryMs = 5000

/**
 * A connection to Redis or Valkey that comes back by itself. While it is down commands fail at once, and none is sent
 * twice.
 * @param onReady the server answers, for the first time or again
 * @throws Error with the command that helps, when the driver is not installed
 */
export async function connectRedis(url: string, onReady: () => void): Promise<Redis> {
  const { Redis: Client } = await importDriver()
  const redis = new Client(url, {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: answerWithinMs,
    commandTimeout: answerWithinMs,
    retryStrategy: (attempt) => Math.min(maxRetryMs, 100 * 2 ** Math.min(attempt, 10)),
  })
  redis.on('ready', onReady)
  // Each command says what is wrong; an event nobody listens to would end the process.
  redis.on('error', () => {})
  return redis
}

async function importDriver(): Promise<Pick<typeof import('ioredis'), 'Redis'>> {
  try {
    return await import('ioredis')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new Error('state in Redis needs its driver: npm install ioredis@6')
  }
}
