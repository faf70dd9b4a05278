import type { SourcePosition } from './program.ts'
import type { Thinning } from './thinning.ts'

/**
 * What the process needs to run the program and what must not be in it: sockets, files, secrets, times.
 * Read from `portcullis.yaml` beside the program; swapped with it on reload where the listener allows it.
 */
export interface Settings {
  readonly listen: {
    readonly https: HttpsListen | null
    readonly http: HttpListen | null
    readonly admin: AdminListen | null
  }
  /** Where browser sessions, and the buckets of shared limits, are kept. */
  readonly state: StateSettings
  /** Absolute folder, mode 0700, for everything stateful without a server. */
  readonly stateDir: string
  readonly bounds: Bounds
  /** Wait between unready and closing the listeners. */
  readonly drainDelayMs: number
  /** Longest wait for requests in flight at a stop. */
  readonly stopTimeoutMs: number
  readonly upstreams: { readonly [name: string]: UpstreamSettings }
  readonly ledger: LedgerSettings
  readonly log: LogSettings
  /** Null: metrics are scraped, and nothing is sent. */
  readonly telemetry: TelemetrySettings | null
  /** Null: there is no audit trail. */
  readonly trail: TrailSettings | null
  /** What verifiers of schemes need and the program must not hold: scheme → key → secret. */
  readonly secrets: { readonly [scheme: string]: { readonly [key: string]: string } }
}

export interface HttpsListen {
  readonly host: string
  readonly port: number
  /** Absolute paths of PEM files. */
  readonly cert: string
  readonly key: string
  /** Authorities whose client certificates are believed; null: none is asked for. */
  readonly clientCa: string | null
  /** Their revocation lists, PEM or DER. */
  readonly clientCrl: readonly string[]
}

export interface HttpListen {
  readonly host: string
  readonly port: number
  /** `redirect`: 308 to https. `plaintext`: serves in the clear (`allowPlaintext: true`). */
  readonly mode: 'redirect' | 'plaintext'
  /** Authorities whose certificates a TLS terminator in front may forward; null: none. */
  readonly clientCa: string | null
  readonly clientCrl: readonly string[]
}

export interface AdminListen {
  readonly host: string
  readonly port: number
  /** Bearer token demanded when set; needed off loopback. */
  readonly token: string | null
}

/** What one worker takes from clients at once, and how long it waits for them (attack E3). */
export interface Bounds {
  /** Open at once, with all workers together. */
  readonly connections: number
  /** Of them, from one socket peer, or one IPv6 /64, that is no trusted proxy. */
  readonly connectionsPerAddress: number
  /** The answer to the last of them closes its connection. */
  readonly requestsPerConnection: number
  /** In flight at once. */
  readonly requests: number
  /** What a request of normal priority may wait in a queue that stands. */
  readonly queueDelayMs: number
  /** Octets of a head. */
  readonly headBytes: number
  /** For a TLS handshake. */
  readonly handshakeTimeoutMs: number
  /** From the first octet of a head, or from the opening of the connection, to the last. */
  readonly headTimeoutMs: number
  /** For a body, beside the time it takes at `bodyBytesPerSecond`. */
  readonly bodyTimeoutMs: number
  readonly bodyBytesPerSecond: number
  /** For a whole request, however steadily it comes. */
  readonly requestTimeoutMs: number
  /** For a client that takes nothing of an answer that waits for it. */
  readonly answerTimeoutMs: number
  /** Between an answer and the next request of the connection. */
  readonly idleTimeoutMs: number
}

export interface UpstreamSettings {
  /** Requests that a worker has under way there at once, each on a connection of its own. */
  readonly connections: number
  /** Requests of a worker that wait for one of them. */
  readonly queue: number
  readonly breaker: BreakerSettings
  readonly tls: {
    readonly ca: string | null
    readonly cert: string | null
    readonly key: string | null
  } | null
}

export interface LogSettings {
  /** Null: lines go to standard output. */
  readonly file: LogFileSettings | null
  readonly thinning: Thinning
}

export interface LogFileSettings {
  /** Absolute. */
  readonly path: string
  /** Of a file that is made here. */
  readonly mode: number
  /** Null: somebody else moves it, and says so with a signal. */
  readonly rotate: LogRotation | null
  /** Where the path is written, for what is wrong with it at the start. */
  readonly position: SourcePosition
}

export interface LogRotation {
  readonly maxBytes: number
  /** Null: size alone decides. */
  readonly maxAgeMs: number | null
  /** Files beside the one that is written. */
  readonly keep: number
}

/** An OpenTelemetry collector, and what it gets. */
export interface TelemetrySettings {
  /** Base URL without a slash at its end. */
  readonly endpoint: string
  /** Fields of every export; secrets, as a rule. */
  readonly headers: { readonly [name: string]: string }
  /** Between two exports of metrics. */
  readonly intervalMs: number
  /** Records of the log go there too. */
  readonly logs: boolean
  /** Null: no traces. */
  readonly traces: { readonly sample: number } | null
}

/** When an upstream that fails is left alone, and how it is tried again. */
export interface BreakerSettings {
  /** So many calls of a window must have failed. */
  readonly failures: number
  /** And such a share of all its calls, above 0, at most 1. */
  readonly ratio: number
  readonly windowMs: number
  /** How long nothing is sent. */
  readonly openMs: number
  /** Requests that try it at once afterwards. */
  readonly probes: number
}

/** Where API keys and revocations of tokens are kept. */
export interface LedgerSettings {
  /** `postgres://…`, a secret; null: a file under `stateDir`. */
  readonly database: string | null
  /** How long what was read is believed while it cannot be read. */
  readonly staleAfterMs: number
}

/** This process, or Redis or Valkey that several gateways share. */
export type StateSettings = { readonly kind: 'memory' } | RedisSettings

/** Addresses and passwords of the store. Secrets: never in a log or a message. */
export interface RedisSettings {
  readonly kind: 'redis'
  readonly servers: RedisServers
  /** User of the access control list; null: that of the address, or the default one. */
  readonly user: string | null
  readonly password: string | null
  /** Absolute paths of PEM files; null: the authorities of the system, and no certificate of our own. */
  readonly tls: { readonly ca: string | null; readonly cert: string | null; readonly key: string | null }
  /** How long a take waits for the store. */
  readonly deadlineMs: number
}

export type RedisServers =
  /** `redis://` or `rediss://`, with user, password and number of the database where they stand in it. */
  | { readonly kind: 'one'; readonly url: string }
  /** Addresses of some nodes; the others are learnt from them. */
  | { readonly kind: 'cluster'; readonly urls: readonly string[] }
  | {
      readonly kind: 'sentinels'
      readonly urls: readonly string[]
      /** Name of the master that they watch. */
      readonly master: string
      readonly user: string | null
      readonly password: string | null
    }

/** Where and how the audit trail is kept. */
export interface TrailSettings {
  /** `postgres://…`, a secret; null: a file under `stateDir`. */
  readonly database: string | null
  /** What an entry that is written outlives: the loss of power, or the death of this process. */
  readonly durability: 'power' | 'process'
  /** PEM of the Ed25519 key that signs checkpoints, a secret; null: one that is kept under `stateDir`. */
  readonly key: string | null
  /** Age at which entries go; null: never. */
  readonly keepMs: number | null
  /** Longest time between two checkpoints while entries come. */
  readonly checkpointMs: number
}
