import type { AdminListen, HttpListen, HttpsListen, Settings } from '../../program/settings.ts'
import type { Section } from '../section.ts'
import { readAuthorities, readFiles, readKeyPair, readSecret } from './files.ts'
import { keys } from './keys.ts'

const loopback: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost'])

export function isLoopback(host: string): boolean {
  return loopback.has(host) || /^127\.\d+\.\d+\.\d+$/.test(host)
}

export function readListen(root: Section, env: NodeJS.ProcessEnv): Settings['listen'] {
  const section = root.require('listen', '{ https: … }')
    ? root.child('listen')?.expect(keys.listen)
    : undefined
  const https = section?.child('https')
  const http = section?.child('http')
  const admin = section?.child('admin')
  if (section && !https && !http && !section.has('https') && !section.has('http')) {
    root.problem(
      'listen',
      'listen-nothing',
      'neither https nor http is configured',
      'write listen.https with a certificate',
    )
  }
  const listeners = {
    https: (https && readHttps(https)) ?? null,
    http: (http && readHttp(http, section as Section)) ?? null,
  }
  if (http && !believeTheSame(listeners))
    http.problem(
      'clientCa',
      'value-invalid',
      'listen.https names another clientCa, or other clientCrl: certificates of both listeners are judged by the same ones',
      'name the same files, in the same order',
    )
  return { ...listeners, admin: (admin && readAdmin(admin, env)) ?? null }
}

function believeTheSame({ https, http }: Pick<Settings['listen'], 'https' | 'http'>): boolean {
  if (!https?.clientCa || !http?.clientCa) return true
  const filesOf = ({ clientCa, clientCrl }: HttpsListen | HttpListen) => [clientCa, ...clientCrl].join('\0')
  return filesOf(https) === filesOf(http)
}

function readHttps(section: Section): HttpsListen | undefined {
  section.expect(keys.https)
  const { host, port } = readAddress(section)
  const tls = section.require('tls', '{ cert: ./tls/server.crt, key: ./tls/server.key }')
    ? section.child('tls')
    : undefined
  const pair = tls && readKeyPair(tls.expect(keys.tls))
  const clients = readClients(section)
  return pair && port !== undefined ? { host, port, ...pair, ...clients } : undefined
}

function readHttp(section: Section, listen: Section): HttpListen | undefined {
  section.expect(keys.http)
  const { host, port } = readAddress(section)
  const redirect = section.choice('redirect', ['https'])
  const plaintext = section.flag('allowPlaintext')
  if (redirect === undefined && plaintext !== true) {
    listen.problem(
      'http',
      'plaintext-undecided',
      'plain HTTP neither redirects nor says that it serves in the clear',
      'write redirect: https, or allowPlaintext: true behind a TLS-terminating load balancer',
    )
    return undefined
  }
  if (redirect !== undefined && plaintext === true) {
    return section.problem(
      'redirect',
      'value-invalid',
      'redirect and allowPlaintext exclude each other',
      'keep one of them',
    )
  }
  if (redirect !== undefined && !listen.has('https')) {
    return section.problem(
      'redirect',
      'value-invalid',
      'there is no listen.https to redirect to',
      'configure listen.https',
    )
  }
  if (plaintext === true) {
    section.report.warn(
      'plaintext',
      section.position('allowPlaintext'),
      'requests and credentials travel in the clear',
      'terminate TLS in front, or here',
    )
  }
  const clients = readClients(section)
  if (plaintext !== true && clients.clientCa !== null)
    section.wrong(
      'clientCa',
      'beside allowPlaintext, for certificates that a TLS terminator in front forwards',
    )
  const mode = plaintext === true ? 'plaintext' : 'redirect'
  return port === undefined ? undefined : { host, port, mode, ...clients }
}

/** Who vouches for client certificates, and the lists of those that it revoked. */
function readClients(section: Section): Pick<HttpsListen, 'clientCa' | 'clientCrl'> {
  const clientCa = readAuthorities(section)
  const clientCrl = readFiles(section, 'clientCrl')
  if (clientCrl.length > 0 && clientCa === null)
    section.wrong('clientCrl', 'beside clientCa, whose certificates the lists revoke')
  return { clientCa, clientCrl }
}

function readAdmin(section: Section, env: NodeJS.ProcessEnv): AdminListen | undefined {
  section.expect(keys.admin)
  const host = section.text('host') ?? '127.0.0.1'
  const port = section.require('port', '9901') ? section.integer('port', 0, 65_535) : undefined
  const token = readSecret(section, 'token', env) ?? null
  if (token === null && !isLoopback(host) && !section.has('token')) {
    return section.problem(
      'host',
      'admin-exposed',
      `the admin listener on ${host} has no token`,
      'write token: ${ADMIN_TOKEN}, or listen on 127.0.0.1',
    )
  }
  return port === undefined ? undefined : { host, port, token }
}

function readAddress(section: Section): { readonly host: string; readonly port: number | undefined } {
  const port = section.require('port', '8443') ? section.integer('port', 0, 65_535) : undefined
  return { host: section.text('host') ?? '0.0.0.0', port }
}

export function notInThisVersion(section: Section, key: string, message: string): undefined {
  return section.problem(
    key,
    'not-in-this-version',
    message,
    `remove ${key}; nothing is enforced that is not built`,
  )
}
