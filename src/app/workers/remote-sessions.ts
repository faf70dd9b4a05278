import { codeOfError } from '../../base/code-of-error.ts'
import type { SessionStore } from '../../engine/session-store.ts'
import type { Far } from './channel.ts'

type Method = 'find' | 'create' | 'replace' | 'remove' | 'removeAll' | 'claim' | 'release'

/** What a thread asks of the sessions that its process keeps. */
export type SessionCalls = { readonly [M in Method as `sessions.${M}`]: SessionStore[M] }

export function offerSessions(store: SessionStore): SessionCalls {
  return {
    'sessions.find': store.find,
    'sessions.create': store.create,
    'sessions.replace': store.replace,
    'sessions.remove': store.remove,
    'sessions.removeAll': store.removeAll,
    'sessions.claim': store.claim,
    'sessions.release': store.release,
  }
}

/** The sessions of this process, kept by another thread of it. */
export function remoteSessions(far: Far<SessionCalls>): SessionStore {
  return {
    find: async (...asked) => answered(far.call('sessions.find', ...asked)),
    create: async (...asked) => answered(far.call('sessions.create', ...asked)),
    replace: async (...asked) => answered(far.call('sessions.replace', ...asked)),
    remove: async (...asked) => answered(far.call('sessions.remove', ...asked)),
    removeAll: async (...asked) => answered(far.call('sessions.removeAll', ...asked)),
    claim: async (...asked) => answered(far.call('sessions.claim', ...asked)),
    release: async (name) => void (await answered(far.call('sessions.release', name))),
    waitingFor: () => null,
    async stop() {},
  }
}

async function answered<T>(
  answer: Promise<T>,
): Promise<T | { readonly kind: 'fault'; readonly detail: string }> {
  try {
    return await answer
  } catch (error) {
    return { kind: 'fault', detail: codeOfError(error) }
  }
}
