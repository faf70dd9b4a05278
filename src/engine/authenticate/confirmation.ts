import { isJsonObject } from '../../base/json.ts'
import type { SenderConstraint } from '../../program/schemes.ts'
import type { Ports, VouchedToken } from '../ports.ts'
import { judgeProof, proofLifetimeSeconds } from './judge-proof.ts'
import type { Fault, Presentation, Refusal } from './scheme.ts'

/** How the holder of a token must show that it is the holder. */
export interface ConfirmationDemand {
  /** Of each list one way is needed; none: a bearer token will do. */
  readonly constraints: readonly (readonly SenderConstraint[])[]
  readonly dpopNonce: boolean
  /** Own origin, for `htu`; null when unknown, and then no proof can be judged. */
  readonly origin: string | null
}

/**
 * Decides whether who sent a token is whom it was issued to.
 *
 * A token that is bound in any way is refused without its proof, demanded or not; one bound in a way that is not
 * understood is refused; a demand for binding refuses a plain bearer token.
 * @returns null when the sender is the holder
 * @see RFC 7800 3.1, RFC 8705 3, RFC 9449 7
 */
export function judgeConfirmation(
  { claims }: VouchedToken,
  token: { readonly token: string; readonly sentAs: 'bearer' | 'dpop' },
  presented: Presentation,
  demand: ConfirmationDemand,
  ports: Ports,
  nowMs: number,
): Refusal | Fault | null {
  const isOfDpop = token.sentAs === 'dpop' || isNamedDpop(claims.token_type)
  const isBound = claims.cnf !== undefined || isOfDpop
  if (!isBound && demand.constraints.length === 0) return null
  const confirmation = claims.cnf ?? {}
  if (!isJsonObject(confirmation)) return wrong('cnf is no object')
  const { jkt, 'x5t#S256': thumbprint, ...others } = confirmation
  if (Object.keys(others).length > 0) return wrong('cnf binds the token in a way that is not understood')
  const proven: SenderConstraint[] = []
  if (thumbprint !== undefined) {
    // INVARIANT: RFC 8705 3: the very certificate, compared by its hash; who issued it does not matter.
    if (presented.certificate?.thumbprint !== thumbprint)
      return unproven('the token is bound to another certificate')
    proven.push('mutualTLS')
  }
  if (jkt === undefined && isOfDpop)
    return wrong('the token is bound to no key and came, or was issued, as DPoP')
  if (jkt !== undefined) {
    if (token.sentAs === 'bearer') return unproven('the token is bound to a key and came as a bearer token')
    if (typeof jkt !== 'string') return wrong('cnf.jkt is no text')
    const refusal = judgeDpop(jkt, token.token, presented, demand, ports, nowMs)
    if (refusal) return refusal
    proven.push('dpop')
  }
  const unmet = demand.constraints.find((ways) => !ways.some((way) => proven.includes(way)))
  return unmet ? unproven(`the token must be bound by ${unmet.join(' or ')}`) : null
}

/** RFC 9449 5, 6.2: the issuer bound it to a key, and does not say to which. */
const isNamedDpop = (type: unknown): boolean => typeof type === 'string' && type.toLowerCase() === 'dpop'

// RFC 9449 4.3: the checks in its order; replay comes last, so that a wrong proof uses up nothing.
function judgeDpop(
  keyThumbprint: string,
  token: string,
  presented: Presentation,
  { origin, dpopNonce }: ConfirmationDemand,
  { proofs, replays }: Ports,
  nowMs: number,
): Refusal | Fault | null {
  const { method, target, fields } = presented
  const [text, ...more] = fields.all('dpop')
  if (text === undefined) return { ...unproven('no DPoP proof came'), error: 'invalid_dpop_proof' }
  if (more.length > 0) return badProof('several DPoP proofs came')
  if (origin === null) return badProof('publicUrl is not configured, so htu cannot be judged')
  const proof = proofs.read(text)
  if (typeof proof === 'string') return badProof(proof)
  const url = `${origin}${target.path}`
  const tokenHash = proofs.tokenHash(token)
  const fault = judgeProof(proof, { method, url, keyThumbprint, tokenHash, nowMs })
  if (fault !== null) return badProof(fault)
  const { nonce, jti, iat } = proof.claims
  if (nonce !== undefined || dpopNonce) {
    if (typeof nonce !== 'string' || !proofs.isCurrentNonce(nonce, nowMs))
      return {
        ...unproven('the nonce of the proof is not current'),
        error: 'use_dpop_nonce',
        dpopNonce: proofs.nonce(nowMs),
      }
  }
  const untilMs = ((iat as number) + proofLifetimeSeconds) * 1000
  presented.proofUse ??= replays.use(`${keyThumbprint} ${jti}`, untilMs, nowMs)
  switch (presented.proofUse) {
    case 'first':
      return null
    case 'again':
      return badProof('the proof was used before')
    case 'full':
      return { kind: 'fault', detail: 'there is no room to remember another DPoP proof' }
  }
}

const wrong = (detail: string): Refusal => ({ kind: 'invalid', detail })
const badProof = (detail: string): Refusal => ({ kind: 'invalid', detail, error: 'invalid_dpop_proof' })
const unproven = (detail: string): Refusal => ({ kind: 'unproven', detail })
