import { type Denial, denyWith } from '../decision.ts'
import type { LimiterOutage } from '../ports.ts'

/**
 * Neither the client nor its quota is to blame, so this is no 429; and it is told apart from a gateway that sheds load,
 * because what mends it is another.
 * @see RFC 9110 15.6.4
 */
export function limiterUnavailable({ limits, retryAfterSeconds }: LimiterOutage): Denial {
  const detail = `the store of limits does not answer, and these let nobody through without it: ${limits.join(', ')}`
  return denyWith('limit', 'limiter_unavailable', detail, { retryAfterSeconds })
}
