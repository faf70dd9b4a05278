import type { HeldKeys } from '../../identity/issuer-keys.ts'
import type { IssuerRegistry } from '../../identity/issuer-registry.ts'
import type { KeyFeed } from '../../identity/mirrored-keys.ts'
import type { Far } from './channel.ts'

/** What a thread asks about the keys of issuers. */
export type KeyCalls = {
  readonly 'keys.hold': KeyFeed['hold']
  readonly 'keys.letGo': KeyFeed['letGo']
  readonly 'keys.refetch': KeyFeed['refetch']
}

/**
 * The keys that this thread fetches, for another one.
 * @param fetched told of every fetch for an issuer that the other holds
 * @returns the calls, and what lets go of all that the other held at its end
 */
export function offerKeys(
  registry: IssuerRegistry,
  fetched: (issuer: string, held: HeldKeys) => void,
): { readonly calls: KeyCalls; readonly end: () => void } {
  const listening = new Map<string, () => void>()
  const calls: KeyCalls = {
    async 'keys.hold'(issuer) {
      const { keys, started } = registry.acquire(issuer)
      listening.set(
        issuer,
        keys.onFetched((held) => fetched(issuer, held)),
      )
      await started
      return keys.held
    },
    'keys.letGo'(issuer) {
      listening.get(issuer)?.()
      if (listening.delete(issuer)) registry.release(issuer)
    },
    async 'keys.refetch'(issuer) {
      const { keys } = registry.acquire(issuer)
      await keys.refetch(Date.now())
      registry.release(issuer)
      return { held: keys.held, refetchedMs: keys.refetchedMs }
    },
  }
  return {
    calls,
    end() {
      for (const issuer of [...listening.keys()]) calls['keys.letGo'](issuer)
    },
  }
}

export function remoteKeys(far: Far<KeyCalls>): KeyFeed {
  return {
    hold: (issuer) => far.call('keys.hold', issuer),
    letGo: (issuer) => far.tell('keys.letGo', issuer),
    refetch: (issuer) => far.call('keys.refetch', issuer),
  }
}
