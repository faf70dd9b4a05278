import { parseDuration } from '../../base/duration.ts'
import type { TelemetrySettings } from '../../program/settings.ts'
import type { Section } from '../section.ts'
import { readSecret } from './files.ts'
import { keys } from './keys.ts'
import { isLoopback } from './listen.ts'

const defaultIntervalMs = 60_000
const minIntervalMs = 1000
const maxIntervalMs = 3_600_000
const defaultSample = 0.1

/** Where metrics, logs and traces are sent; null: nowhere. */
export function readTelemetry(root: Section, env: NodeJS.ProcessEnv): TelemetrySettings | null {
  const section = root.child('telemetry')?.expect(keys.telemetry)
  if (!section?.require('otlp', '{ endpoint: http://127.0.0.1:4318 }')) return null
  const otlp = section.child('otlp')?.expect(keys.otlp)
  if (!otlp?.require('endpoint', 'http://127.0.0.1:4318')) return null
  const endpoint = otlp.parsed(
    'endpoint',
    parseEndpoint,
    'an http or https URL without query, such as https://collector:4318',
  )
  const headers = readHeaders(otlp, env)
  if (endpoint !== undefined) checkPlaintext(otlp, endpoint, Object.keys(headers).length > 0)
  const intervalMs = otlp.parsed('interval', parseDuration, 'a duration such as 60s') ?? defaultIntervalMs
  if (intervalMs < minIntervalMs || intervalMs > maxIntervalMs) otlp.wrong('interval', 'from 1s to 1h')
  const logs = otlp.flag('logs') ?? false
  const traces = section.child('traces')?.expect(keys.traces)
  const sample = traces && readSample(traces)
  return {
    endpoint: endpoint ?? '',
    headers,
    intervalMs,
    logs,
    traces: sample === undefined ? null : { sample },
  }
}

/** Without a slash at its end: `/v1/metrics`, `/v1/logs` and `/v1/traces` follow (OTLP 1.x, OTLP/HTTP request). */
function parseEndpoint(text: string): string | null {
  if (!URL.canParse(text)) return null
  const { protocol, search, hash, username, password, href } = new URL(text)
  const plain = search === '' && hash === '' && username === '' && password === ''
  return plain && (protocol === 'http:' || protocol === 'https:') ? href.replace(/\/+$/, '') : null
}

const fieldName = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/
const fieldValue = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/

function readHeaders(otlp: Section, env: NodeJS.ProcessEnv): { readonly [name: string]: string } {
  const section = otlp.child('headers')
  if (!section) return {}
  const headers = Object.keys(section.value).flatMap((name): [string, string][] => {
    const value = readSecret(section, name, env)
    if (value === undefined) return []
    if (!fieldName.test(name) || !fieldValue.test(value)) section.wrong(name, 'a header field (RFC 9110 5)')
    return [[name, value]]
  })
  return Object.fromEntries(headers)
}

function checkPlaintext(otlp: Section, endpoint: string, authenticated: boolean): void {
  const { protocol, hostname } = new URL(endpoint)
  if (protocol === 'https:' || isLoopback(hostname.replace(/^\[|\]$/g, ''))) return
  const message = 'metrics, traces and logs travel in the clear'
  if (authenticated)
    otlp.problem('endpoint', 'plaintext', `${message}, and so do the headers`, 'write https://')
  else otlp.report.warn('plaintext', otlp.position('endpoint'), message, 'write https://')
}

function readSample(traces: Section): number {
  const written = traces.get('sample') ?? defaultSample
  if (typeof written === 'number' && written >= 0 && written <= 1) return written
  traces.wrong('sample', 'a share from 0 to 1, such as 0.1')
  return defaultSample
}
