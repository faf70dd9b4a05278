import { readFileSync } from 'node:fs'
import type { Cluster, Redis } from 'ioredis'
import { codeOfError, OwnError } from '../base/code-of-error.ts'
import type { RedisServers, RedisSettings } from '../program/settings.ts'
import type { RedisConnection } from './redis-script.ts'

type Driver = Pick<typeof import('ioredis'), 'Redis' | 'Cluster'>

const answerWithinMs = 1000
const maxRetryMs = 5000
/** On a connection that answers nothing for so long nothing comes any more. */
const silenceMs = 2000
const closed = 'the connection is closed'

/** What a connection tells. */
export interface ConnectionEvents {
  /** The server answers, for the first time or again. */
  readonly onReady: () => void
  /** It is gone, or could not be had. @param detail never holds a password */
  readonly onLost?: (detail: string) => void
}

/**
 * A connection to Redis or Valkey that comes back by itself. While it is down commands fail at once, and none is sent
 * twice.
 * @throws Error with the command that helps, when the driver is not installed
 */
export async function connectRedis(
  settings: RedisSettings,
  events: ConnectionEvents,
): Promise<RedisConnection> {
  const driver = await importDriver()
  let lastError = closed
  const note = (error: Error): void => {
    lastError = codeOfError(error)
  }
  const redis = open(driver, settings, note)
  redis.on('ready', () => {
    lastError = closed
    events.onReady()
  })
  // Each command says what is wrong as well; an event nobody listens to would end the process.
  redis.on('error', note)
  redis.on('close', () => events.onLost?.(lastError))
  return redis
}

/**
 * One server, or the master that Sentinels name: where several keys are taken at once.
 * @throws Error as `connectRedis`
 */
export async function connectOne(settings: RedisSettings, onReady: () => void): Promise<Redis> {
  if (settings.servers.kind === 'cluster') throw new OwnError('browser sessions are not kept in a cluster')
  const redis = (await connectRedis(settings, { onReady })) as Redis
  redis.options.commandTimeout = answerWithinMs
  return redis
}

/** @param onDropped told why the driver gives a connection up that stands */
function open(driver: Driver, settings: RedisSettings, onDropped: (error: Error) => void): Redis | Cluster {
  const { servers } = settings
  const options = optionsOf(settings, onDropped)
  switch (servers.kind) {
    case 'one':
      return new driver.Redis(servers.url, options)
    case 'sentinels':
      return new driver.Redis({
        ...options,
        sentinels: servers.urls.map(nodeOf),
        name: servers.master,
        role: 'master',
        ...(servers.user !== null && { sentinelUsername: servers.user }),
        ...(servers.password !== null && { sentinelPassword: servers.password }),
        ...(options.tls && { sentinelTLS: options.tls, enableTLSForSentinelMode: true }),
        sentinelRetryStrategy: retryMs,
        sentinelCommandTimeout: answerWithinMs,
      })
    case 'cluster':
      return new driver.Cluster(servers.urls.map(nodeOf), {
        redisOptions: options,
        enableOfflineQueue: false,
        clusterRetryStrategy: retryMs,
        slotsRefreshTimeout: answerWithinMs,
        // A certificate is for a name, and nodes announce what they are to be called by.
        ...(options.tls && { dnsLookup }),
      })
  }
}

function optionsOf({ servers, user, password, tls }: RedisSettings, onDropped: (error: Error) => void) {
  return {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: answerWithinMs,
    socketTimeout: silenceMs,
    retryStrategy: retryMs,
    // A master that became a replica refuses to write: the new one is to be found.
    reconnectOnError(error: Error) {
      const isReplica = error.message.startsWith('READONLY')
      if (isReplica) onDropped(error)
      return isReplica
    },
    ...(user !== null && { username: user }),
    ...(password !== null && { password }),
    ...(isEncrypted(servers) && {
      tls: {
        ...(tls.ca !== null && { ca: readFileSync(tls.ca) }),
        ...(tls.cert !== null &&
          tls.key !== null && { cert: readFileSync(tls.cert), key: readFileSync(tls.key) }),
      },
    }),
  }
}

const dnsLookup = (name: string, done: (error: null, address: string) => void) => done(null, name)

/** Never the same for two gateways: those that lost a server together do not come back together. */
function retryMs(attempt: number): number {
  return Math.min(maxRetryMs, 100 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2)
}

function isEncrypted(servers: RedisServers): boolean {
  return (servers.kind === 'one' ? servers.url : (servers.urls[0] ?? '')).startsWith('rediss:')
}

function nodeOf(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 6379 : Number(port) }
}

async function importDriver(): Promise<Driver> {
  try {
    return await import('ioredis')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new OwnError('state in Redis needs its driver: npm install ioredis@6')
  }
}
