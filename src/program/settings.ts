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
  /** Where browser sessions are kept. */
  readonly state: StateSettings
  /** Absolute folder, mode 0700, for everything stateful without a server. */
  readonly stateDir: string
  /** Wait between unready and closing the listeners. */
  readonly drainDelayMs: number
  /** Longest wait for requests in flight at a stop. */
  readonly stopTimeoutMs: number
  readonly upstreams: { readonly [name: string]: UpstreamSettings }
  readonly ledger: LedgerSettings
  /** Null: there is no audit trail. */
  readonly trail: TrailSettings | null
  /** What verifiers of schemes need and the program must not hold: scheme → key → secret. */
  readonly secrets: { readonly [scheme: string]: { readonly [key: string]: string } }
  /** Every file whose change should cause a reload. Absolute. */
  readonly watched: readonly string[]
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

export interface UpstreamSettings {
  readonly tls: {
    readonly ca: string | null
    readonly cert: string | null
    readonly key: string | null
  } | null
}

/** Where API keys and revocations of tokens are kept. */
export interface LedgerSettings {
  /** `postgres://…`, a secret; null: a file under `stateDir`. */
  readonly database: string | null
  /** How long what was read is believed while it cannot be read. */
  readonly staleAfterMs: number
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

/** This process, or a server that several gateways share. The address may hold a password. */
export type StateSettings = { readonly kind: 'memory' } | { readonly kind: 'redis'; readonly url: string }
