import type { RawHeaders } from '../base/message.ts'
import type { OperationPlan } from '../program/program.ts'
import type { Denial } from './decision.ts'
import type { LinkedResponses } from './validate/link-responses.ts'

/** The upstream request that was decided on, complete. The data plane sends it and adds nothing of its own. */
export interface Forwarding {
  readonly operation: OperationPlan
  readonly upstream: string
  readonly method: string
  /** Origin-form: canonical path and the query as received. */
  readonly target: string
  readonly headers: RawHeaders
  readonly body: ForwardedBody
  /** What the answer is judged by; null when it is not looked at. */
  readonly responses: LinkedResponses | null
  readonly timeoutMs: number
}

export type ForwardedBody =
  | { readonly kind: 'none' }
  /** The very bytes that were validated. */
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** Passed on as it comes, cut off past the limit, and as soon as the inspector refuses; null for opaque content. */
  | {
      readonly kind: 'stream'
      readonly maxBytes: number
      readonly contentLength: number | null
      readonly inspector: BodyInspector | null
    }

/**
 * Judges a body on its way. Octets are passed on only after `push` found nothing in them, and the last of them only
 * after `end` did: a body that is refused never arrives whole.
 */
export interface BodyInspector {
  push(octets: Uint8Array): Denial | null
  end(): Denial | null
}

/**
 * Proof that the pipeline let a request through, and the only thing `forward` accepts.
 * INVARIANT: minted in `pipeline.ts` and nowhere else (a law test holds this); the private field makes a
 * hand-made object fail to compile, and `Permit.read` makes it fail at run time.
 */
export class Permit {
  readonly #forwarding: Forwarding

  private constructor(forwarding: Forwarding) {
    this.#forwarding = forwarding
  }

  static mint(forwarding: Forwarding): Permit {
    return new Permit(forwarding)
  }

  /** @throws TypeError when `permit` did not come from the pipeline */
  static read(permit: Permit): Forwarding {
    if (!(#forwarding in permit)) throw new TypeError('not a permit of the pipeline')
    return permit.#forwarding
  }
}
