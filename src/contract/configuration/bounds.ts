import { parseSize } from '../../base/duration.ts'
import type { Bounds, BreakerSettings } from '../../program/settings.ts'
import type { Section } from '../section.ts'
import { readTimeout } from './delay.ts'
import { keys } from './keys.ts'

/** What applies to one worker when nothing is written. */
export const defaultBounds: Bounds = {
  connections: 20_000,
  connectionsPerAddress: 1000,
  requestsPerConnection: 10_000,
  requests: 4096,
  queueDelayMs: 50,
  headBytes: 32 * 1024,
  handshakeTimeoutMs: 10_000,
  headTimeoutMs: 10_000,
  bodyTimeoutMs: 20_000,
  bodyBytesPerSecond: 1024,
  requestTimeoutMs: 300_000,
  answerTimeoutMs: 60_000,
  idleTimeoutMs: 65_000,
}

const defaultBreaker: BreakerSettings = {
  failures: 10,
  ratio: 0.5,
  windowMs: 10_000,
  openMs: 5000,
  probes: 1,
}

const most = 1_000_000_000
const minHeadBytes = 1024
/** Above it Node.js would have to hold more of one head than of a body. */
const maxHeadBytes = 1024 ** 2

/** Reads `bounds`. None of them can be written away: 0 is refused everywhere. */
export function readBounds(root: Section): Bounds & { readonly maxFields: number } {
  const section = root.child('bounds')?.expect(keys.bounds)
  const count = (key: string) => section?.integer(key, 1, most)
  const time = (key: string) => readTimeout(section, key)
  const read = {
    connections: count('connections') ?? defaultBounds.connections,
    connectionsPerAddress: count('connectionsPerAddress') ?? defaultBounds.connectionsPerAddress,
    requestsPerConnection: count('requestsPerConnection') ?? defaultBounds.requestsPerConnection,
    requests: count('requests') ?? defaultBounds.requests,
    queueDelayMs: time('queueDelay') ?? defaultBounds.queueDelayMs,
    headBytes:
      section?.parsed('headerSize', parseHeadSize, 'a size from 1KiB to 1MiB') ?? defaultBounds.headBytes,
    maxFields: section?.integer('headerCount', 8, 10_000) ?? 128,
    handshakeTimeoutMs: time('handshakeTimeout') ?? defaultBounds.handshakeTimeoutMs,
    headTimeoutMs: time('headTimeout') ?? defaultBounds.headTimeoutMs,
    bodyTimeoutMs: time('bodyTimeout') ?? defaultBounds.bodyTimeoutMs,
    bodyBytesPerSecond:
      section?.parsed('bodyRate', parseRateSize, 'octets a second above zero, such as 1KiB') ??
      defaultBounds.bodyBytesPerSecond,
    requestTimeoutMs: time('requestTimeout') ?? defaultBounds.requestTimeoutMs,
    answerTimeoutMs: time('answerTimeout') ?? defaultBounds.answerTimeoutMs,
    idleTimeoutMs: time('idleTimeout') ?? defaultBounds.idleTimeoutMs,
  }
  if (read.headTimeoutMs > read.requestTimeoutMs)
    section?.wrong(
      section.has('headTimeout') ? 'headTimeout' : 'requestTimeout',
      'such that headTimeout is at most requestTimeout',
    )
  return read
}

export function readBreaker(upstream: Section): BreakerSettings {
  const section = upstream.child('breaker')?.expect(keys.breaker)
  const ratio = section?.get('ratio')
  const isShare = typeof ratio === 'number' && ratio > 0 && ratio <= 1
  if (ratio !== undefined && !isShare) section?.wrong('ratio', 'a number above 0, at most 1')
  return {
    failures: section?.integer('failures', 1, most) ?? defaultBreaker.failures,
    ratio: isShare ? ratio : defaultBreaker.ratio,
    windowMs: readTimeout(section, 'window') ?? defaultBreaker.windowMs,
    openMs: readTimeout(section, 'openFor') ?? defaultBreaker.openMs,
    probes: section?.integer('probes', 1, 1000) ?? defaultBreaker.probes,
  }
}

function parseRateSize(text: string): number | null {
  return parseSize(text) || null
}

function parseHeadSize(text: string): number | null {
  const bytes = parseSize(text)
  return bytes !== null && bytes >= minHeadBytes && bytes <= maxHeadBytes ? bytes : null
}
