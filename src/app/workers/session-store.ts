import { codeOfError } from '../../base/code-of-error.ts'
import type { SessionStore } from '../../engine/session-store.ts'
import type { StateSettings } from '../../program/settings.ts'
import { connectOne } from '../../stores/redis.ts'
import { createRedisSessions } from '../../stores/redis-sessions.ts'
import { StartError } from '../start-error.ts'

/**
 * The store of browser sessions. A server that does not answer is no reason not to start: the gateway is unready until it
 * does.
 * @param own what this process keeps, for where no server is named; and on a cluster, where `check` lets nobody have sessions
 * @throws StartError when the driver is not installed
 */
export async function openSessionStore(
  state: StateSettings,
  own: SessionStore,
  onReady: () => void,
): Promise<SessionStore> {
  if (state.kind === 'memory' || state.servers.kind === 'cluster') return own
  try {
    return createRedisSessions(await connectOne(state, onReady))
  } catch (error) {
    throw new StartError(codeOfError(error))
  }
}
