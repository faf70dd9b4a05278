import { randomBytes } from 'node:crypto'
import type { Ledger, TokenRevocation } from '../engine/ledger.ts'

export type RevocationWish = Pick<TokenRevocation, 'issuer' | 'kind' | 'value' | 'issuedBeforeMs'>

export async function revokeTokens(
  ledger: Ledger,
  wish: RevocationWish,
  nowMs: number,
): Promise<TokenRevocation> {
  const id = `rev_${randomBytes(9).toString('hex')}`
  const revocation = { id, ...wish, createdMs: nowMs, restoredMs: null }
  await ledger.write({ revocations: [revocation] })
  return revocation
}

/** Those in force. */
export async function listRevocations(ledger: Ledger): Promise<readonly TokenRevocation[]> {
  const { revocations } = await ledger.changesSince(0)
  return revocations.filter(({ restoredMs }) => restoredMs === null)
}

/** @returns null when none in force has that id */
export async function restoreTokens(
  ledger: Ledger,
  id: string,
  nowMs: number,
): Promise<TokenRevocation | null> {
  const found = (await listRevocations(ledger)).find((one) => one.id === id)
  if (!found) return null
  const restored = { ...found, restoredMs: nowMs }
  await ledger.write({ revocations: [restored] })
  return restored
}
