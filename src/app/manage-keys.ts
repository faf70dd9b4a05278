import type { KeyRecord, Ledger } from '../engine/ledger.ts'
import { mintKey } from '../identity/api-key-text.ts'

/** What a person decides about a key. */
export type KeyWish = Pick<
  KeyRecord,
  'scheme' | 'name' | 'owner' | 'scopes' | 'operations' | 'addresses' | 'expiresMs'
>

/** A key that was just made: the only time its text is there. */
export interface MintedKey {
  readonly text: string
  readonly record: KeyRecord
}

export async function createKey(ledger: Ledger, wish: KeyWish, nowMs: number): Promise<MintedKey> {
  const { id, text, hash } = mintKey()
  const record: KeyRecord = { id, hash, ...wish, createdMs: nowMs, revokedMs: null, replacedBy: null }
  await ledger.write({ keys: [record] })
  return { text, record }
}

/**
 * A new key with everything the old one has; the old one is good until the overlap ends.
 * @returns null when there is no such key, or it is no longer good
 */
export async function rotateKey(
  ledger: Ledger,
  id: string,
  { overlapMs, expiresMs }: { readonly overlapMs: number; readonly expiresMs: number | null },
  nowMs: number,
): Promise<{ readonly minted: MintedKey; readonly old: KeyRecord } | null> {
  const before = await findKey(ledger, id)
  if (!before || stateOf(before, nowMs) !== 'active') return null
  const { id: newId, text, hash } = mintKey()
  const ends = nowMs + overlapMs
  const old = { ...before, expiresMs: Math.min(before.expiresMs ?? ends, ends), replacedBy: newId }
  const record = { ...before, id: newId, hash, createdMs: nowMs, expiresMs, replacedBy: null }
  await ledger.write({ keys: [old, record] })
  return { minted: { text, record }, old }
}

/** @returns null when there is no such key; one that is revoked already stays as it is */
export async function revokeKey(ledger: Ledger, id: string, nowMs: number): Promise<KeyRecord | null> {
  const before = await findKey(ledger, id)
  if (!before || before.revokedMs !== null) return before
  const record = { ...before, revokedMs: nowMs }
  await ledger.write({ keys: [record] })
  return record
}

export async function listKeys(ledger: Ledger): Promise<readonly KeyRecord[]> {
  const { keys } = await ledger.changesSince(0)
  return keys.toSorted((a, b) => a.createdMs - b.createdMs)
}

export function stateOf(
  { revokedMs, expiresMs }: KeyRecord,
  nowMs: number,
): 'active' | 'revoked' | 'expired' {
  if (revokedMs !== null) return 'revoked'
  return expiresMs !== null && nowMs >= expiresMs ? 'expired' : 'active'
}

async function findKey(ledger: Ledger, id: string): Promise<KeyRecord | null> {
  const { keys } = await ledger.changesSince(0)
  return keys.find((key) => key.id === id) ?? null
}
