import { hash } from 'node:crypto'
import { Memo } from '../base/memo.ts'
import type { SeenToken, TokenVerifier, VouchedToken } from '../engine/ports.ts'
import type { Program } from '../program/program.ts'
import type { JwtPlan } from '../program/schemes.ts'
import { algorithms } from './algorithms.ts'
import { BoundedCache } from './bounded-cache.ts'
import { type FirstSights, firstSights } from './first-sights.ts'
import type { FoundKeys, KeyFinder } from './issuer-keys.ts'
import type { KeyRegistry } from './issuer-registry.ts'
import { type ReadJws, readJws } from './read-jws.ts'
import { RefusedTokens } from './refused-tokens.ts'
import type { Fingerprint } from './token-fingerprint.ts'

type Schemes = Program['schemes']

interface CachedToken {
  readonly seen: VouchedToken
  /** Keys it was verified with; another generation verifies anew, so that a removed key stops working (A11). */
  readonly generation: number
  readonly expiresMs: number
}

const minCached = 10_000
/** No clock skew is wider; what expired before needs no cryptography to be refused. */
const longExpiredMs = 60_000

/** The verifier of access tokens for the schemes of one program. */
export interface RunningTokenVerifier extends TokenVerifier {
  /** Resolves when every issuer was asked once, whatever came of it. */
  readonly started: Promise<void>
  /** Lets go of the key sets. */
  stop(): void
}

/**
 * @param fingerprint of tokens that are believed, made once as long as they are remembered
 * @param sights bounds what verifying takes of a turn of the event loop
 */
export function createTokenVerifier(
  schemes: Schemes,
  registry: KeyRegistry,
  fingerprint: Fingerprint | null = null,
  sights: FirstSights = firstSights,
): RunningTokenVerifier {
  return new JwtVerifier(schemes, registry, fingerprint, sights)
}

/**
 * Verifies JSON Web Tokens on the platform's own cryptography.
 *
 * Verified tokens are remembered by the SHA-256 of their one canonical spelling together with their scheme
 * (attack A15); the engine repeats every check of the claims on each hit.
 * @see RFC 7515 5.2, RFC 8725 3
 */
class JwtVerifier implements RunningTokenVerifier {
  readonly started: Promise<void>
  readonly #schemes: Schemes
  readonly #registry: KeyRegistry
  readonly #fingerprint: Fingerprint | null
  readonly #sights: FirstSights
  readonly #issuers = new Map<string, KeyFinder>()
  readonly #cache = new BoundedCache<CachedToken>(minCached)
  /** Apart from the good ones, so that a flood of bad tokens pushes none of those out. */
  readonly #refused = new RefusedTokens()

  constructor(schemes: Schemes, registry: KeyRegistry, fingerprint: Fingerprint | null, sights: FirstSights) {
    this.#schemes = schemes
    this.#registry = registry
    this.#fingerprint = fingerprint
    this.#sights = sights
    const starting: Promise<void>[] = []
    for (const issuer of issuersOf(schemes)) {
      const { keys, started } = registry.acquire(issuer)
      this.#issuers.set(issuer, keys)
      starting.push(started)
    }
    this.started = Promise.all(starting).then(() => {})
  }

  stop(): void {
    for (const issuer of this.#issuers.keys()) this.#registry.release(issuer)
  }

  verify(scheme: string, token: string, nowMs: number): SeenToken | Promise<SeenToken> {
    const plan = this.#schemes[scheme]
    if (plan?.kind !== 'jwt') return invalid('the scheme has no verifier')
    const cacheKey = `${hash('sha256', token, 'latin1')} ${scheme}`
    const cached = this.#cache.get(cacheKey)
    if (cached) {
      const found = this.#issuers.get(cached.seen.issuer)?.find(cached.seen.keyId, nowMs)
      const current = found && !(found instanceof Promise) && found.kind === 'keys'
      if (current && found.generation === cached.generation && nowMs < cached.expiresMs) return cached.seen
      this.#cache.delete(cacheKey)
    }
    const jws = readJws(token)
    if (typeof jws === 'string') return invalid(jws)
    const keys = this.#keysFor(plan, jws)
    if (typeof keys === 'string') return invalid(keys)
    const { exp } = jws.claims
    if (typeof exp === 'number' && exp * 1000 + longExpiredMs < nowMs) return invalid('expired')
    const found = keys.find(jws.keyId, nowMs)
    if (found instanceof Promise)
      // ATTACK: a fetch releases all at once who waited for it, a flood of made-up key ids among them (A10).
      return found.then(
        (later) =>
          this.#sights.queue(() => this.#conclude(token, jws, keys.issuer, later, cacheKey)) ?? crowded,
      )
    return this.#isCheap(jws, found, cacheKey)
      ? this.#conclude(token, jws, keys.issuer, found, cacheKey)
      : (this.#sights.take(() => this.#conclude(token, jws, keys.issuer, found, cacheKey)) ?? crowded)
  }

  /** The issuer's keys and no others: a key of one issuer says nothing about another's tokens (attack A8). */
  #keysFor(plan: JwtPlan, { algorithm, claims }: ReadJws): KeyFinder | string {
    if (!plan.algorithms.includes(algorithm) || !algorithms[algorithm]) return 'alg is not configured'
    const { iss: issuer } = claims
    if (typeof issuer !== 'string' || !plan.issuers.includes(issuer))
      return 'iss is not configured for this scheme'
    return this.#issuers.get(issuer) ?? 'iss has no key set'
  }

  /** It can be judged without cryptography. */
  #isCheap({ algorithm }: ReadJws, found: FoundKeys, cacheKey: string): boolean {
    return (
      found.kind !== 'keys' ||
      !found.keys.some((key) => key.algorithms.has(algorithm)) ||
      this.#refused.has(cacheKey, found.generation)
    )
  }

  #conclude(token: string, jws: ReadJws, issuer: string, found: FoundKeys, cacheKey: string): SeenToken {
    if (found.kind === 'fault') return found
    if (found.kind === 'unknown') return { ...invalid('kid is not a key of the issuer'), unknownKey: true }
    const fitting = found.keys.filter((key) => key.algorithms.has(jws.algorithm))
    // Without a kid the key must be beyond doubt (RFC 7515 6 leaves the choice to the application).
    if (fitting.length === 0) return invalid('no key of the issuer fits alg')
    if (jws.keyId === null && fitting.length > 1) return invalid('kid is missing and several keys fit')
    // Another request with the same token may have been before it in the queue.
    const earlier = this.#cache.get(cacheKey)
    if (earlier?.generation === found.generation) return earlier.seen
    if (this.#refused.has(cacheKey, found.generation)) return invalid(wrongSignature)
    const algorithm = algorithms[jws.algorithm]
    if (!fitting.some(({ key }) => algorithm?.verify(jws.signed, key, jws.signature))) {
      this.#refused.add(cacheKey, found.generation)
      return invalid(wrongSignature)
    }
    const { keyId, type, claims } = jws
    const seen: VouchedToken = {
      kind: 'signed',
      issuer,
      keyId,
      ...(this.#fingerprint && { fingerprint: this.#fingerprint(token) }),
      type,
      claims,
      accepted: new Memo(),
    }
    this.#remember(cacheKey, seen, found.generation)
    return seen
  }

  #remember(cacheKey: string, seen: VouchedToken, generation: number): void {
    const { exp } = seen.claims
    if (typeof exp !== 'number') return
    this.#cache.set(cacheKey, { seen, generation, expiresMs: exp * 1000 + longExpiredMs })
  }
}

const wrongSignature = 'the signature is wrong'
const crowded: Extract<SeenToken, { readonly kind: 'fault' }> = {
  kind: 'fault',
  detail: 'too many tokens wait to be verified for the first time',
}

function issuersOf(schemes: Schemes): ReadonlySet<string> {
  return new Set(Object.values(schemes).flatMap((plan) => (plan.kind === 'jwt' ? plan.issuers : [])))
}

function invalid(detail: string): Extract<SeenToken, { readonly kind: 'invalid' }> {
  return { kind: 'invalid', detail }
}
