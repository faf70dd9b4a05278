import { createServer } from 'node:http'
import { ListenError, open } from '../../gateway/open-server.ts'
import type { HttpListen, HttpsListen, Settings } from '../../program/settings.ts'
import { StartError } from '../start-error.ts'

/**
 * Makes sure that the ports are free, and takes a free one where 0 is written: threads open them side by side, so none of
 * them would notice another process there.
 * @throws StartError when one is taken
 */
export async function reservePorts(settings: Settings): Promise<Settings> {
  const { https, http } = settings.listen
  const reserved = {
    ...settings.listen,
    https: https && { ...https, port: await freePort(https, 'listen.https') },
    http: http && { ...http, port: await freePort(http, 'listen.http') },
  }
  return { ...settings, listen: reserved }
}

async function freePort(place: HttpsListen | HttpListen, key: string): Promise<number> {
  try {
    const { server, address } = await open(createServer(), place, key, () => {})
    await new Promise((closed) => server.close(closed))
    return address.port
  } catch (error) {
    throw error instanceof ListenError ? new StartError(error.message) : error
  }
}

/**
 * Later settings as far as they apply without a restart: addresses and modes of listeners, whether certificates are asked
 * for, bounds, the state and its folder, the trail, telemetry and the file of the log stay as they were.
 */
export function keepStanding(before: Settings, next: Settings): Settings {
  const { https, http } = before.listen
  return {
    ...next,
    state: before.state,
    stateDir: before.stateDir,
    telemetry: before.telemetry,
    log: { ...next.log, file: before.log.file },
    bounds: before.bounds,
    trail: before.trail,
    listen: {
      admin: before.listen.admin,
      https: https && keep(https, next.listen.https),
      http: http && keep(http, next.listen.http),
    },
  }
}

function keep<T extends HttpsListen | HttpListen>(stands: T, next: T | null): T {
  if (next === null || (next.clientCa === null) !== (stands.clientCa === null)) return stands
  return { ...next, host: stands.host, port: stands.port, ...('mode' in stands && { mode: stands.mode }) }
}

/** Whether some of these settings only apply after a restart. */
export function needsRestart(before: Settings, after: Settings): boolean {
  const addresses = ({
    listen: { https, http, admin },
    state,
    stateDir,
    telemetry,
    bounds,
    trail,
    log: { file },
  }: Settings) =>
    JSON.stringify([
      state,
      stateDir,
      telemetry,
      bounds,
      trail,
      file && { ...file, position: null },
      https && [https.host, https.port, https.clientCa !== null],
      http && [http.host, http.port, http.mode],
      admin,
    ])
  return addresses(before) !== addresses(after)
}
