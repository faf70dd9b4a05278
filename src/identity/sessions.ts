import type { FoundSession, Outage, Sessions } from '../engine/ports.ts'
import type { SessionStore } from '../engine/session-store.ts'
import type { Program } from '../program/program.ts'
import type { SessionPlan } from '../program/schemes.ts'
import type { Settings } from '../program/settings.ts'
import type { KeyRegistry } from './issuer-registry.ts'
import { SchemeSessions } from './scheme-sessions.ts'
import { createTokenVerifier } from './token-verifier.ts'

/** Browser sessions of all schemes of one program. */
export interface RunningSessions extends Sessions {
  /** Resolves when every issuer was asked once, whatever came of it. */
  readonly started: Promise<void>
  /** Issuers, and the store, that are not at hand yet. */
  waitingFor(): readonly string[]
  /** Lets go of key sets and timers; the store is another's. */
  stop(): void
}

/** @param onReady an issuer became askable */
export function createSessions(
  { schemes, admission: { origin } }: Pick<Program, 'schemes' | 'admission'>,
  { secrets }: Pick<Settings, 'secrets'>,
  registry: KeyRegistry,
  store: SessionStore,
  onReady: () => void,
): RunningSessions {
  const plans = Object.entries(schemes).flatMap(([name, plan]): [string, SessionPlan][] =>
    plan.kind === 'session' ? [[name, plan]] : [],
  )
  const verifier = createTokenVerifier(
    Object.fromEntries(plans.map(([name, plan]) => [name, signedBy(plan)])),
    registry,
  )
  const byScheme = new Map(
    plans.map(([name, plan]) => [
      name,
      new SchemeSessions(
        { name, plan, origin: origin ?? '', secret: secrets[name]?.clientSecret ?? '' },
        store,
        (token, nowMs) => verifier.verify(name, token, nowMs),
        onReady,
      ),
    ]),
  )
  const all = [...byScheme.values()]

  return {
    started: Promise.all([verifier.started, ...all.map(({ started }) => started)]).then(() => {}),
    find: (scheme, id, nowMs): FoundSession | Promise<FoundSession> =>
      byScheme.get(scheme)?.find(id, nowMs) ?? unknownScheme,
    begin: async (scheme, returnTo, nowMs) => byScheme.get(scheme)?.begin(returnTo, nowMs) ?? unknownScheme,
    finish: async (scheme, callback, nowMs) => byScheme.get(scheme)?.finish(callback, nowMs) ?? unknownScheme,
    end: async (scheme, id) => byScheme.get(scheme)?.end(id) ?? unknownScheme,
    vouch: (scheme, token, nowMs) => verifier.verify(scheme, token, nowMs),
    endAll: async (scheme, order, nowMs) => byScheme.get(scheme)?.endAll(order, nowMs) ?? unknownScheme,
    waitingFor: () => [
      ...all.filter(({ ready }) => !ready).map(({ issuer }) => `the metadata of ${issuer}`),
      ...(all.length > 0 ? [store.waitingFor()].filter((waited) => waited !== null) : []),
    ],
    stop() {
      verifier.stop()
      for (const sessions of all) sessions.stop()
    },
  }
}

const unknownScheme: Outage = { kind: 'fault', detail: 'the scheme keeps no sessions' }

/** ID tokens and logout tokens are signed by the keys of their issuer; what they must say is judged elsewhere. */
function signedBy({ issuer, clientId, algorithms, clockSkewSeconds, rolesClaim }: SessionPlan) {
  return {
    kind: 'jwt',
    issuers: [issuer],
    audiences: [clientId],
    algorithms,
    clockSkewSeconds,
    rolesClaim,
    maxTokenAgeSeconds: null,
    requiredClaims: {},
    senderConstraint: [],
    dpopNonce: false,
    profile: null,
  } as const
}
