import { randomFillSync } from 'node:crypto'

const pool = Buffer.allocUnsafe(8192)
let used = pool.length

/** Hex of fresh random octets; taken from a pool, because a system call for each request would cost more. */
function randomHex(octets: number): string {
  if (used + octets > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const hex = pool.toString('hex', used, used + octets)
  used += octets
  return hex
}

/** 128 unguessable bits. */
export const newRequestId = (): string => randomHex(16)

/** W3C Trace Context 3.2.2.3 and 3.2.2.4. */
export const newTrace = (): { readonly traceId: string; readonly spanId: string } => ({
  traceId: randomHex(16),
  spanId: randomHex(8),
})
