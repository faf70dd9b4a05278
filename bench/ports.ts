import type { Ports } from '../src/engine/ports.ts'
import { noAuthorities } from '../src/identity/client-authorities.ts'
import type { IssuerRegistry } from '../src/identity/issuer-registry.ts'
import type { LedgerView } from '../src/identity/ledger-view.ts'
import { createPasswords } from '../src/identity/passwords.ts'
import { createProofReader } from '../src/identity/proof-reader.ts'
import { createSessions } from '../src/identity/sessions.ts'
import type { Program } from '../src/program/program.ts'
import { createMemoryCounters } from '../src/stores/memory-counters.ts'
import { allocatePlaces, attachPlaces } from '../src/stores/memory-places.ts'
import { createMemoryReplays } from '../src/stores/memory-replays.ts'
import { createMemorySessions } from '../src/stores/memory-sessions.ts'

/** The ports of a gateway in this process, without sockets. */
export function portsOf(
  tokens: Ports['tokens'],
  ledger: LedgerView,
  program: Program,
  registry: IssuerRegistry,
): Ports {
  return {
    tokens,
    proofs: createProofReader(),
    replays: createMemoryReplays(),
    certificates: noAuthorities,
    keys: ledger,
    revocations: ledger,
    passwords: createPasswords({ secrets: {} }),
    clock: { nowMs: () => Date.now() },
    load: { lateness: () => ({ waitedMs: 0, standing: false, limitMs: 5, serveMs: 5, fullness: 0 }) },
    counters: createMemoryCounters(),
    places: attachPlaces(allocatePlaces(1000, 1), 0),
    trail: { intend: async () => ({ kind: 'written' }) },
    sessions: createSessions(program, { secrets: {} }, registry, createMemorySessions(), () => {}),
  }
}
