import { hostname, userInfo } from 'node:os'
import type { Actor } from '../engine/ledger.ts'

/** Who runs this process, as far as the machine knows. */
export function actorOfProcess(command: string): Actor {
  return { command, user: userOfProcess(), sudoUser: process.env.SUDO_USER ?? null, host: hostname() }
}

/** A process in a container may run under a number that has no name there. */
function userOfProcess(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
