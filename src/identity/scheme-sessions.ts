import { isJsonObject, type JsonObject } from '../base/json.ts'
import type {
  BegunLogin,
  EndedSession,
  FinishedLogin,
  FoundSession,
  LoginCallback,
  LogoutOrder,
  Outage,
  SeenToken,
} from '../engine/ports.ts'
import type { FoundEntry, SessionStore, StoreAnswer } from '../engine/session-store.ts'
import type { SessionPlan } from '../program/schemes.ts'
import { BoundedCache } from './bounded-cache.ts'
import { type GrantedTokens, SessionIssuer } from './session-issuer.ts'
import { knownSession, openRecord, type SessionRecord, sealRecord } from './session-record.ts'
import { SessionRenewal } from './session-renewal.ts'
import { loginKeyOf, newSessionId, open, seal, storeKeyOf } from './session-seal.ts'

/** What the sessions of one scheme are made of. */
export interface SessionScheme {
  readonly name: string
  readonly plan: SessionPlan
  /** The gateway's own. */
  readonly origin: string
  readonly secret: string
}

type Vouch = (token: string, nowMs: number) => SeenToken | Promise<SeenToken>

interface Transaction {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
  readonly returnTo: string
  readonly begunMs: number
}

interface Opened {
  readonly sealed: string
  readonly record: SessionRecord
  /** When it was last found in the store; epoch milliseconds. */
  foundMs: number
}

interface UnwrittenGrant {
  readonly inPlaceOf: string | null
  readonly granted: GrantedTokens
}

const loginMs = 600_000
const minUnwritten = 1000
const minOpened = 10_000
const unknown = (detail: string): FoundSession => ({ kind: 'unknown', detail })

/** Logins and sessions of one scheme. The store knows the hash of an id and cannot open what it keeps. */
export class SchemeSessions {
  readonly #scheme: SessionScheme
  readonly #store: SessionStore
  readonly #vouch: Vouch
  readonly #issuer: SessionIssuer
  readonly #renewal: SessionRenewal
  readonly #loginKey: Buffer
  /** Records opened before, by store key: what is sealed the same is the same, and opening costs ten times the rest. */
  readonly #opened = new BoundedCache<Opened>(minOpened)
  /** What an issuer granted that is not in the store yet: it takes the refresh token of before for stolen if it comes twice. */
  readonly #unwritten = new BoundedCache<UnwrittenGrant>(minUnwritten)
  /** What sealed things belong to: no other scheme, client or issuer opens them. */
  readonly #about: string

  constructor(scheme: SessionScheme, store: SessionStore, vouch: Vouch, onReady: () => void) {
    const { name, plan, origin, secret } = scheme
    this.#scheme = scheme
    this.#store = store
    this.#vouch = vouch
    this.#about = `${name} ${plan.issuer} ${plan.clientId}`
    this.#loginKey = loginKeyOf(secret, plan.issuer, plan.clientId)
    this.#issuer = new SessionIssuer(plan, secret, `${origin}/.portcullis/${name}/callback`, onReady)
    this.#renewal = new SessionRenewal(store, {
      open: (id, key, entry, nowMs) => this.#open(id, key, entry, nowMs),
      renew: (id, record, nowMs) => this.#renew(id, record, nowMs),
    })
  }

  get issuer(): string {
    return this.#scheme.plan.issuer
  }

  get ready(): boolean {
    return this.#issuer.ready
  }

  get started(): Promise<void> {
    return this.#issuer.started
  }

  stop(): void {
    this.#issuer.stop()
  }

  find(id: string, nowMs: number): FoundSession | Promise<FoundSession> {
    const key = storeKeyOf(id)
    const entry = this.#store.find(key, this.#scheme.plan.idleSeconds * 1000, nowMs)
    return entry instanceof Promise
      ? entry.then((later) => this.#judge(id, key, later, nowMs))
      : this.#judge(id, key, entry, nowMs)
  }

  async begin(returnTo: string, nowMs: number): Promise<BegunLogin | Outage> {
    const start = await this.#issuer.begin()
    if (!start) return fault(`the metadata of ${this.issuer} is not known yet`)
    const { location, state, nonce, verifier } = start
    const transaction: Transaction = { state, nonce, verifier, returnTo, begunMs: nowMs }
    return {
      kind: 'begun',
      location,
      tag: tagOf(state),
      transaction: seal(this.#loginKey, JSON.stringify(transaction), this.#about),
    }
  }

  /** ATTACK: login CSRF and mix-up (RFC 9700 4.4, 4.7): only the browser that began a login can end it, and only this one. */
  async finish(callback: LoginCallback, nowMs: number): Promise<FinishedLogin> {
    const parameters = new URLSearchParams(callback.search)
    const state = parameters.get('state') ?? ''
    const tag = tagOf(state)
    const transaction = this.#openTransaction(callback.transaction(tag))
    if (!transaction) return refused('this browser has no such login under way')
    if (transaction.state !== state) return refused('state is not that of the login')
    if (nowMs - transaction.begunMs > loginMs) return refused('the login took too long')
    const granted = await this.#issuer.finish(parameters, transaction, nowMs)
    if (granted.kind !== 'granted') return granted
    const vouched = await this.#vouchFor(granted, nowMs)
    if (vouched.kind !== 'vouched') return vouched
    const { plan } = this.#scheme
    const record: SessionRecord = {
      keyId: vouched.keyId,
      claims: vouched.claims,
      scopes: granted.scopes ?? plan.scopes,
      accessToken: granted.accessToken,
      accessTokenEndsMs: granted.accessTokenEndsMs,
      renewFromMs: granted.renewFromMs,
      refreshToken: granted.refreshToken,
      begunMs: nowMs,
      endsMs: nowMs + plan.lifetimeSeconds * 1000,
    }
    if (callback.formerId !== null) {
      const removed = await this.#removeFormer(callback.formerId, vouched.claims.sub, nowMs)
      if (removed.kind === 'fault') return removed
    }
    const id = newSessionId()
    const stored = await this.#store.create(
      storeKeyOf(id),
      {
        sealed: sealRecord(id, record, this.#about),
        idleMs: plan.idleSeconds * 1000,
        endsMs: record.endsMs,
        indexes: this.#indexesOf(vouched.claims.sid, vouched.claims.sub),
      },
      nowMs,
    )
    if (stored.kind === 'fault') return stored
    if (stored.kind === 'refused') return fault('there is no room for another session')
    return { kind: 'session', id, tag, returnTo: transaction.returnTo }
  }

  async end(id: string | null): Promise<EndedSession | Outage> {
    if (id !== null) {
      const key = storeKeyOf(id)
      const entry = await this.#store.find(key, this.#scheme.plan.idleSeconds * 1000, Date.now())
      if (entry.kind === 'fault') return entry
      const removed = await this.#store.remove(key)
      if (removed.kind === 'fault') return removed
      const record = this.#open(id, key, entry, Date.now())
      this.#opened.delete(key)
      if (record?.refreshToken) await this.#issuer.revoke(record.refreshToken)
    }
    const { origin, plan } = this.#scheme
    return { kind: 'ended', location: this.#issuer.logoutLocation(origin + plan.afterLogout) }
  }

  async endAll(
    { sid, subject, id, untilMs }: LogoutOrder,
    nowMs: number,
  ): Promise<'ended' | 'again' | Outage> {
    const once = await this.#store.claim(`logout ${this.#about} ${id}`, untilMs, nowMs)
    if (once.kind === 'fault') return once
    if (once.kind === 'refused') return 'again'
    const removed = await this.#removeAll(this.#indexesMeant(sid, subject))
    if (removed.kind !== 'fault') {
      void this.#revokeOpened(sid, subject)
      return 'ended'
    }
    await this.#store.release(`logout ${this.#about} ${id}`)
    return removed
  }

  /** The grant of another person ends with the session; some issuers take the same person's new grant for the same one. */
  async #removeFormer(id: string, subject: unknown, nowMs: number): Promise<StoreAnswer> {
    const key = storeKeyOf(id)
    const entry = await this.#store.find(key, 0, nowMs)
    const record = this.#open(id, key, entry, nowMs)
    const removed = await this.#store.remove(key)
    this.#opened.delete(key)
    if (removed.kind !== 'fault' && record?.refreshToken && record.claims.sub !== subject)
      await this.#issuer.revoke(record.refreshToken)
    return removed
  }

  /** Of the sessions that a logout token means, those that were used here: the others are sealed. */
  async #revokeOpened(sid: string | null, subject: string | null): Promise<void> {
    const meant = [...this.#opened.entries()].filter(([, { record }]) => isMeant(record.claims, sid, subject))
    for (const [key] of meant) this.#opened.delete(key)
    const refreshTokens = meant.flatMap(([, { record }]) => record.refreshToken ?? [])
    for (const refreshToken of refreshTokens) await this.#issuer.revoke(refreshToken)
  }

  /** Nobody has ended it by hand where its time was over: whoever did has revoked what was to be revoked. */
  #revokeOver({ record, foundMs }: Opened, nowMs: number): void {
    const isOver = nowMs >= Math.min(record.endsMs, foundMs + this.#scheme.plan.idleSeconds * 1000)
    if (isOver && record.refreshToken) void this.#issuer.revoke(record.refreshToken)
  }

  #judge(id: string, key: string, entry: FoundEntry, nowMs: number): FoundSession | Promise<FoundSession> {
    if (entry.kind === 'fault') return entry
    const record = this.#open(id, key, entry, nowMs)
    if (entry.kind === 'none') return unknown('the session has ended, or was never there')
    if (!record) return unknown('what is kept of the session is not of this scheme')
    return this.#renewal.isDue(record, nowMs) ? this.#renewal.run(id, record, nowMs) : knownSession(record)
  }

  #open(id: string, key: string, entry: FoundEntry, nowMs: number): SessionRecord | null {
    if (entry.kind === 'fault') return null
    const known = this.#opened.get(key)
    if (entry.kind === 'found' && known?.sealed === entry.sealed) {
      known.foundMs = nowMs
      return known.record
    }
    this.#opened.delete(key)
    if (entry.kind === 'none') {
      if (known) this.#revokeOver(known, nowMs)
      return null
    }
    const record = openRecord(id, entry.sealed, this.#about)
    if (record) this.#opened.set(key, { sealed: entry.sealed, record, foundMs: nowMs })
    return record
  }

  /** One renewal at the issuer, and its result kept. `unknown` when the session is over. */
  async #renew(id: string, record: SessionRecord, nowMs: number): Promise<SessionRecord | FoundSession> {
    const key = storeKeyOf(id)
    const unwritten = this.#unwritten.get(key)
    const isKept = unwritten !== undefined && unwritten.inPlaceOf === record.refreshToken
    const granted = isKept ? unwritten.granted : await this.#issuer.refresh(record.refreshToken ?? '', nowMs)
    if (granted.kind === 'fault') return granted
    if (granted.kind === 'refused') {
      const removed = await this.#store.remove(key)
      return removed.kind === 'fault' ? removed : unknown(`it could not be renewed: ${granted.detail}`)
    }
    this.#unwritten.set(key, { inPlaceOf: record.refreshToken, granted })
    const vouched = granted.idToken ? await this.#vouchFor(granted, nowMs) : null
    if (vouched?.kind === 'fault') return vouched
    // OpenID Connect Core 12.2: the same person, or nobody.
    if (vouched?.kind === 'refused' || (vouched && vouched.claims.sub !== record.claims.sub)) {
      this.#unwritten.delete(key)
      await this.#store.remove(key)
      return unknown('the renewed ID token is not of the same person')
    }
    const renewed: SessionRecord = {
      ...record,
      ...(vouched && { keyId: vouched.keyId, claims: { ...ofTheLogin(record.claims), ...vouched.claims } }),
      scopes: granted.scopes ?? record.scopes,
      accessToken: granted.accessToken,
      accessTokenEndsMs: granted.accessTokenEndsMs,
      renewFromMs: granted.renewFromMs,
      refreshToken: granted.refreshToken ?? record.refreshToken,
    }
    const sealed = sealRecord(id, renewed, this.#about)
    const kept = await this.#store.replace(key, { sealed, endsMs: renewed.endsMs }, nowMs)
    if (kept.kind === 'fault') return kept
    this.#unwritten.delete(key)
    if (kept.kind === 'done') {
      const lasts = renewed.accessTokenEndsMs === null || nowMs < renewed.accessTokenEndsMs
      return lasts || !isKept ? renewed : this.#renew(id, renewed, nowMs)
    }
    // Whoever ended it revoked the refresh token of before.
    if (renewed.refreshToken) await this.#issuer.revoke(renewed.refreshToken)
    return unknown('the session ended while it was renewed')
  }

  /** OpenID Connect Core 3.1.3.7, 6: the signature too, though the token came from the issuer itself. */
  async #vouchFor(
    { idToken }: GrantedTokens,
    nowMs: number,
  ): Promise<
    | { readonly kind: 'vouched'; readonly keyId: string | null; readonly claims: JsonObject }
    | { readonly kind: 'refused'; readonly detail: string }
    | Outage
  > {
    if (!idToken) return refused('the issuer sent no ID token')
    const seen = await this.#vouch(idToken.text, nowMs)
    if (seen.kind === 'fault') return seen
    // It came from the issuer itself: what is not known of its keys is on this side, until they are fetched again.
    if (seen.kind === 'invalid' && seen.unknownKey) return fault(`the ID token: ${seen.detail}`)
    if (seen.kind === 'invalid') return refused(`the ID token: ${seen.detail}`)
    // Nobody could use such a session, and a page would be led to the login without an end.
    if (seen.claims.sub === '') return refused('the ID token names nobody: sub is empty')
    return { kind: 'vouched', keyId: seen.keyId, claims: seen.claims }
  }

  #openTransaction(sealed: string | null): Transaction | null {
    const text = sealed === null ? null : open(this.#loginKey, sealed, this.#about)
    const read: unknown = text === null ? null : JSON.parse(text)
    return isJsonObject(read) ? (read as unknown as Transaction) : null
  }

  async #removeAll(indexes: readonly string[]): Promise<StoreAnswer> {
    for (const index of indexes) {
      const removed = await this.#store.removeAll(index)
      if (removed.kind === 'fault') return removed
    }
    return { kind: 'done' }
  }

  #indexesOf(sid: unknown, subject: unknown): readonly string[] {
    const ofSession =
      typeof sid === 'string' ? this.#index('sid', sid) : this.#index('sub without sid', subject)
    return [ofSession, this.#index('sub', subject)]
  }

  /** A sid means one session at the issuer, and those of whom no sid is known; without it all of the subject (2.4). */
  #indexesMeant(sid: string | null, subject: string | null): readonly string[] {
    if (sid === null) return [this.#index('sub', subject)]
    return [this.#index('sid', sid), ...(subject === null ? [] : [this.#index('sub without sid', subject)])]
  }

  #index(kind: string, value: unknown): string {
    return storeKeyOf(JSON.stringify([this.#about, kind, value]))
  }
}

/** As the indexes of the store have it, see `#indexesMeant`. */
function isMeant(claims: JsonObject, sid: string | null, subject: string | null): boolean {
  const isTheirs = subject !== null && claims.sub === subject
  if (sid === null) return isTheirs
  return typeof claims.sid === 'string' ? claims.sid === sid : isTheirs
}

/**
 * What a renewed ID token may leave out because it is about the login (OpenID Connect Core 12.2). Whatever else it leaves
 * out is no longer so: a person who lost a role must not keep it for the rest of the session.
 */
function ofTheLogin(claims: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(claims).filter(([name]) => loginClaims.has(name)))
}
const loginClaims: ReadonlySet<string> = new Set(['sid', 'auth_time', 'acr', 'amr'])

const tagOf = (state: string): string => storeKeyOf(state).slice(0, 8)
const fault = (detail: string): Outage => ({ kind: 'fault', detail })
const refused = (detail: string): { readonly kind: 'refused'; readonly detail: string } => ({
  kind: 'refused',
  detail,
})
