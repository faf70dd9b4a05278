const randomDigits = 8

/**
 * Head sampling by the trace id alone, so that all who ask decide alike without asking each other.
 * @param share from 0 to 1
 * @see W3C Trace Context Level 2, 3.2.2.3: the rightmost seven octets are random
 */
export function samplesTrace(traceId: string, share: number): boolean {
  if (share >= 1) return true
  return Number.parseInt(traceId.slice(-randomDigits), 16) < share * 2 ** (4 * randomDigits)
}
