import type { SeenToken, TokenVerifier } from '../engine/ports.ts'
import type { Program } from '../program/program.ts'
import type { Settings } from '../program/settings.ts'
import { Introspector } from './introspector.ts'
import type { KeyRegistry } from './issuer-registry.ts'
import type { Fingerprint } from './token-fingerprint.ts'
import { createTokenVerifier } from './token-verifier.ts'

/** Verifies the access tokens of all schemes of one program. */
export interface AccessTokens extends TokenVerifier {
  /** Resolves when every issuer was asked once, whatever came of it. */
  readonly started: Promise<void>
  /** Issuers to be asked about tokens whose metadata is not at hand. */
  waitingFor(): readonly string[]
  /** Lets go of key sets and timers. */
  stop(): void
}

/** @param onReady an issuer became askable */
export function createAccessTokens(
  { schemes }: Pick<Program, 'schemes'>,
  { secrets }: Pick<Settings, 'secrets'>,
  registry: KeyRegistry,
  onReady: () => void,
  fingerprint: Fingerprint | null = null,
): AccessTokens {
  const signed = createTokenVerifier(schemes, registry, fingerprint)
  const introspectors = new Map<string, Introspector>()
  for (const [name, plan] of Object.entries(schemes)) {
    if (plan.kind === 'introspection')
      introspectors.set(name, new Introspector(plan, secrets[name]?.clientSecret ?? '', onReady, fingerprint))
  }
  const asked = [...introspectors.values()]
  return {
    started: Promise.all([signed.started, ...asked.map(({ started }) => started)]).then(() => {}),
    verify(scheme, token, nowMs): SeenToken | Promise<SeenToken> {
      return (introspectors.get(scheme) ?? signed).verify(scheme, token, nowMs)
    },
    waitingFor: () => asked.filter(({ ready }) => !ready).map(({ issuer }) => issuer),
    stop() {
      signed.stop()
      for (const introspector of asked) introspector.stop()
    },
  }
}
