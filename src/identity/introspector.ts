import { hash } from 'node:crypto'
import { codeOfError, OwnError } from '../base/code-of-error.ts'
import { isJsonObject } from '../base/json.ts'
import { Memo } from '../base/memo.ts'
import type { SeenToken, TokenVerifier } from '../engine/ports.ts'
import type { IntrospectionPlan } from '../program/schemes.ts'
import { BoundedCache } from './bounded-cache.ts'
import { fetchMetadata, getJson, StatusError } from './issuer-metadata.ts'
import type { Fingerprint } from './token-fingerprint.ts'

interface Remembered {
  readonly seen: SeenToken
  /** Absolute: use does not prolong it (attack A18), and no answer outlives the token's `exp`. */
  readonly untilMs: number
}

const minRemembered = 10_000
/** More tokens than this are not asked about at one time; the others get 503. */
const maxAsking = 256
const firstRetryMs = 500
const maxRetryMs = 30_000
const maxTokenLength = 4096
const ownFaults: ReadonlySet<string | null> = new Set(['invalid_client', 'unauthorized_client'])
/** RFC 6750 2.1, RFC 9110 11.2 */
const token68 = /^[A-Za-z0-9\-._~+/]+=*$/

/**
 * Asks the issuer of one scheme about tokens.
 *
 * One question for a token is under way at a time, whoever waits for it; active and inactive answers are remembered
 * apart, so that a flood of random tokens pushes no good one out.
 * @see RFC 7662 2
 */
export class Introspector implements TokenVerifier {
  readonly issuer: string
  readonly started: Promise<void>
  readonly #plan: IntrospectionPlan
  readonly #authorization: string
  readonly #onReady: () => void
  readonly #fingerprint: Fingerprint | null
  readonly #active = new BoundedCache<Remembered>(minRemembered)
  readonly #inactive = new BoundedCache<Remembered>(minRemembered)
  readonly #asking = new Map<string, Promise<SeenToken>>()
  #endpoint: string | null = null
  #timer: NodeJS.Timeout | null = null
  #retryMs = firstRetryMs
  #stopped = false

  constructor(
    plan: IntrospectionPlan,
    clientSecret: string,
    onReady: () => void,
    fingerprint: Fingerprint | null = null,
  ) {
    const [issuer] = plan.issuers
    if (issuer === undefined) throw new Error('an introspection plan names no issuer')
    this.issuer = issuer
    this.#plan = plan
    this.#onReady = onReady
    this.#fingerprint = fingerprint
    // RFC 6749 2.3.1: both are form-encoded before they are joined.
    const pair = [plan.clientId, clientSecret].map(encodeURIComponent).join(':')
    this.#authorization = `Basic ${Buffer.from(pair).toString('base64')}`
    this.started = this.#discover()
  }

  get ready(): boolean {
    return this.#endpoint !== null
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer) clearTimeout(this.#timer)
  }

  verify(_: string, token: string, nowMs: number): SeenToken | Promise<SeenToken> {
    if (token.length > maxTokenLength) return invalid('the token is too long')
    const key = hash('sha256', token, 'base64')
    const known = this.#active.get(key) ?? this.#inactive.get(key)
    if (known && nowMs < known.untilMs) return known.seen
    const underWay = this.#asking.get(key)
    if (underWay) return underWay
    if (!token68.test(token)) return invalid('the token holds letters that no token has')
    if (this.#endpoint === null) return fault(`the introspection endpoint of ${this.issuer} is not known yet`)
    if (this.#asking.size >= maxAsking) return fault('too many tokens are being asked about')
    const asked = this.#ask(this.#endpoint, token, key, nowMs).finally(() => this.#asking.delete(key))
    this.#asking.set(key, asked)
    return asked
  }

  async #ask(endpoint: string, token: string, key: string, nowMs: number): Promise<SeenToken> {
    let answer: unknown
    try {
      const fetched = await getJson(endpoint, {
        method: 'POST',
        headers: {
          authorization: this.#authorization,
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString(),
      })
      answer = fetched.document
    } catch (error) {
      // RFC 6749 5.2: the request is at fault, and of the request only the token is the client's; what is wrong with the
      // gateway's own registration says nothing about the token.
      if (error instanceof StatusError && error.status === 400 && !ownFaults.has(error.code)) {
        const refused = invalid('the issuer does not take it for one of its opaque tokens')
        this.#remember(key, { seen: refused, untilMs: nowMs + this.#plan.cacheSeconds * 1000 })
        return refused
      }
      return fault(`introspection at ${this.issuer}: ${codeOfError(error)}`)
    }
    const read = readAnswer(answer, this.issuer)
    if (read.kind === 'fault') return read
    const seen =
      read.kind === 'active' && this.#fingerprint ? { ...read, fingerprint: this.#fingerprint(token) } : read
    const expiresMs =
      seen.kind === 'active' && typeof seen.claims.exp === 'number'
        ? seen.claims.exp * 1000
        : Number.POSITIVE_INFINITY
    this.#remember(key, { seen, untilMs: Math.min(nowMs + this.#plan.cacheSeconds * 1000, expiresMs) })
    return seen
  }

  #remember(key: string, remembered: Remembered): void {
    const cache = remembered.seen.kind === 'active' ? this.#active : this.#inactive
    this.#active.delete(key)
    this.#inactive.delete(key)
    cache.set(key, remembered)
  }

  async #discover(): Promise<void> {
    try {
      const { introspection_endpoint: endpoint } = await fetchMetadata(this.issuer)
      if (typeof endpoint !== 'string') throw new OwnError('the metadata names no introspection_endpoint')
      this.#endpoint = endpoint
      this.#onReady()
    } catch {
      if (this.#stopped) return
      // Jitter, so that many gateways do not come back in one instant.
      const waitMs = this.#retryMs * (0.75 + Math.random() / 2)
      this.#timer = setTimeout(() => void this.#discover(), waitMs)
      this.#timer.unref()
      this.#retryMs = Math.min(maxRetryMs, this.#retryMs * 2)
    }
  }
}

/** INVARIANT: only `active: true` is active, whatever else the answer says (RFC 7662 2.2; attack A16). */
function readAnswer(answer: unknown, issuer: string): SeenToken {
  if (!isJsonObject(answer) || typeof answer.active !== 'boolean')
    return fault(`introspection at ${issuer}: the answer does not say whether the token is active`)
  if (!answer.active) return invalid('the issuer says that the token is not active')
  return { kind: 'active', issuer, keyId: null, type: null, claims: answer, accepted: new Memo() }
}

function invalid(detail: string): SeenToken {
  return { kind: 'invalid', detail }
}

function fault(detail: string): SeenToken {
  return { kind: 'fault', detail }
}
