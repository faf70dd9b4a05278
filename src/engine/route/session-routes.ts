import type { BodyRead } from '../../base/message.ts'
import type { SessionPlan } from '../../program/schemes.ts'
import { allow, type Decision, type Denial, deny, denyWith } from '../decision.ts'
import { judgeLogoutToken } from '../logout-token.ts'
import type { Target } from '../normalize/target.ts'
import type { Reply } from '../outcome.ts'
import { crossSite, isNewPage } from '../request-site.ts'
import {
  clearCookie,
  isLoginCookie,
  loginCookie,
  sessionCookie,
  sessionIdSyntax,
  setCookie,
} from '../session-cookies.ts'
import {
  backChannelLogoutPath,
  callbackPath,
  logoutPath,
  readReturnTo,
  sessionChallenge,
  signInPath,
} from '../session-paths.ts'
import type { OwnRequest, OwnRoute } from './own-routes.ts'

const loginSeconds = 600
/** A browser that begins more logins than this, or larger ones, without ending one forgets the earlier ones. */
const maxLogins = 8
const maxLoginOctets = 8192
const maxLogoutBytes = 64 * 1024
const retryAfterSeconds = 5

/** The gateway's own routes of one session scheme, by path. */
export function sessionRoutes(
  scheme: string,
  plan: SessionPlan,
  origin: string,
): readonly (readonly [path: string, route: OwnRoute])[] {
  return [
    [signInPath(scheme), login(scheme)],
    [callbackPath(scheme), callback(scheme, plan)],
    [logoutPath(scheme), logout(scheme, plan, origin)],
    [backChannelLogoutPath(scheme), backChannelLogout(scheme, plan)],
  ]
}

/** Sends the browser to the issuer. A page of another site can bring a person here, as any link can, and gains nothing. */
function login(scheme: string): OwnRoute {
  return async ({ method, target, fields, cookies, receivedAtMs }, { sessions }) => {
    if (method !== 'GET') return only('GET')
    if (fields.get('sec-fetch-mode') !== null && !isNewPage(fields))
      return deny('route', 'cross_site', 'a login is for whole pages')
    const returnTo = readReturnTo(parameter(target, 'return_to') ?? '/')
    if (returnTo === null) return wrong('query', '/return_to', 'must be a path of this origin')
    const begun = await sessions.begin(scheme, returnTo, receivedAtMs)
    if (begun.kind === 'fault') return unavailable(begun.detail)
    return redirect(302, begun.location, [
      ...outgrownLogins(cookies).map(clearCookie),
      setCookie(loginCookie(scheme, begun.tag), begun.transaction, loginSeconds),
    ])
  }
}

/**
 * Cookies of logins that are forgotten before another begins, whatever their scheme.
 *
 * ATTACK: a page of another site begins logins that go back to long paths, until the browser's cookies are larger than the
 * head of a request may be and the gateway refuses all of its requests (CWE-400).
 */
function outgrownLogins(cookies: OwnRequest['cookies']): readonly string[] {
  const underWay = [...cookies].filter(([name]) => isLoginCookie(name))
  const octets = underWay.flatMap(([name, values]) => [name, ...values]).join('').length
  return underWay.length >= maxLogins || octets > maxLoginOctets ? underWay.map(([name]) => name) : []
}

/** Takes the browser back from the issuer (RFC 6749 4.1.2). The session id is new, whatever the browser had before. */
function callback(scheme: string, plan: SessionPlan): OwnRoute {
  return async (request, { sessions }) => {
    if (request.method !== 'GET') return only('GET')
    const finished = await sessions.finish(
      scheme,
      {
        search: request.target.search,
        transaction: (tag) => onlyCookie(request, loginCookie(scheme, tag)),
        formerId: shownId(request, scheme),
      },
      request.receivedAtMs,
    )
    if (finished.kind === 'fault') return unavailable(finished.detail)
    if (finished.kind === 'refused')
      return denyWith('authenticate', 'credential_invalid', finished.detail, {
        challenges: [sessionChallenge(scheme)],
      })
    return redirect(302, finished.returnTo, [
      clearCookie(loginCookie(scheme, finished.tag)),
      setCookie(sessionCookie(scheme), finished.id, plan.lifetimeSeconds),
    ])
  }
}

/** Ends the session here, then at the issuer (OpenID Connect RP-Initiated Logout 2). */
function logout(scheme: string, plan: SessionPlan, origin: string): OwnRoute {
  return async (request, { sessions }) => {
    if (request.method !== 'POST') return only('POST')
    const foreign = crossSite(request.method, request.fields, origin)
    if (foreign !== null) return deny('route', 'cross_site', foreign)
    const ended = await sessions.end(scheme, shownId(request, scheme))
    if (ended.kind === 'fault') return unavailable(ended.detail)
    return redirect(303, ended.location ?? plan.afterLogout, [clearCookie(sessionCookie(scheme))])
  }
}

/** The issuer says that sessions are over (OpenID Connect Back-Channel Logout 2.5). */
function backChannelLogout(scheme: string, plan: SessionPlan): OwnRoute {
  return async ({ method, fields, body, receivedAtMs }, { sessions }) => {
    if (method !== 'POST') return only('POST')
    if (!/^application\/x-www-form-urlencoded(?:;|$)/i.test(fields.get('content-type') ?? ''))
      return denyWith('route', 'media_type_unsupported', 'a logout comes as a form', {})
    const read = await body.read(maxLogoutBytes, null)
    if (read.kind !== 'bytes') return unread(read)
    const [token, ...more] = new URLSearchParams(new TextDecoder().decode(read.bytes)).getAll('logout_token')
    if (token === undefined || more.length > 0) return notAnOrder('there is not exactly one logout_token')
    const seen = await sessions.vouch(scheme, token, receivedAtMs)
    if (seen.kind === 'fault') return unavailable(seen.detail)
    if (seen.kind === 'invalid') return notAnOrder(seen.detail)
    const order = judgeLogoutToken(seen, plan, receivedAtMs)
    if (typeof order === 'string') return notAnOrder(order)
    const ended = await sessions.endAll(scheme, order, receivedAtMs)
    if (ended === 'again') return notAnOrder('this logout token was used before')
    if (ended !== 'ended') return unavailable(ended.detail)
    return allow({ kind: 'reply', status: 200, headers: noStore, body: '' })
  }
}

const noStore = ['Cache-Control', 'no-store']

function redirect(status: number, location: string, cookies: readonly string[]): Decision<Reply> {
  const headers = [
    ...['Location', location, ...noStore],
    ...cookies.flatMap((cookie) => ['Set-Cookie', cookie]),
  ]
  return allow({ kind: 'reply', status, headers, body: '' })
}

function shownId(request: OwnRequest, scheme: string): string | null {
  const id = onlyCookie(request, sessionCookie(scheme))
  return id !== null && sessionIdSyntax.test(id) ? id : null
}

function onlyCookie({ cookies }: OwnRequest, name: string): string | null {
  const [value, ...more] = cookies.get(name) ?? []
  return value !== undefined && more.length === 0 ? value : null
}

/** Null when it is not there, or cannot be decoded; the first where it stands twice. */
function parameter({ query }: Target, name: string): string | null {
  const value = query.find((pair) => pair.name === name)?.value
  if (typeof value !== 'string') return null
  try {
    return decodeURIComponent(value)
  } catch {
    return '\\'
  }
}

const only = (method: string): Denial =>
  denyWith('route', 'method_not_allowed', 'the path has no such method', { allow: [method] })

const unavailable = (detail: string): Denial =>
  denyWith('authenticate', 'verifier_unavailable', detail, { retryAfterSeconds })

const wrong = (place: 'query', pointer: string, message: string): Denial =>
  denyWith('validate', 'parameter_invalid', `${pointer} ${message}`, {
    faults: [{ in: place, pointer, message }],
  })

// OpenID Connect Back-Channel Logout 2.8 wants 400.
const notAnOrder = (detail: string): Denial =>
  denyWith('validate', 'body_invalid', detail, {
    faults: [{ in: 'body', pointer: '/logout_token', message: 'is not an order to this client' }],
  })

function unread({ kind }: Exclude<BodyRead, { readonly kind: 'bytes' }>): Denial {
  switch (kind) {
    case 'too_large':
      return deny('validate', 'body_too_large', `over ${maxLogoutBytes} octets`)
    case 'timeout':
      return deny('validate', 'request_timeout', 'the body did not arrive in time')
    case 'aborted':
      return deny('validate', 'malformed_request', 'the body broke off')
  }
}
