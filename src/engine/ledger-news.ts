import type { KeyRecord, TokenRevocation } from './ledger.ts'

/**
 * What an administrator did, as a gateway sees it in the ledger. The `jti` or `sub` that a revocation names is not told:
 * its id leads to it.
 */
export type LedgerNews =
  | {
      readonly event: 'api_key_created' | 'api_key_changed' | 'api_key_revoked'
      readonly key_id: string
      readonly time_ms: number | null
    }
  | { readonly event: 'api_key_rotated'; readonly key_id: string; readonly successor: string }
  | {
      readonly event: 'tokens_revoked' | 'tokens_restored'
      readonly revocation: string
      readonly kind: TokenRevocation['kind']
      readonly issuer: string
      readonly time_ms: number | null
    }

/** INVARIANT: of a key its id is told and nothing that its owner or a person wrote. */
export function newsOfKey(before: KeyRecord | undefined, after: KeyRecord): readonly LedgerNews[] {
  const news: LedgerNews[] = []
  const { id } = after
  if (!before) news.push({ event: 'api_key_created', key_id: id, time_ms: after.createdMs })
  if (after.replacedBy !== null && after.replacedBy !== before?.replacedBy)
    news.push({ event: 'api_key_rotated', key_id: id, successor: after.replacedBy })
  if (after.revokedMs !== null && before?.revokedMs !== after.revokedMs)
    news.push({ event: 'api_key_revoked', key_id: id, time_ms: after.revokedMs })
  if (news.length === 0 && before && JSON.stringify(before) !== JSON.stringify(after))
    news.push({ event: 'api_key_changed', key_id: id, time_ms: null })
  return news
}

export function newsOfRevocation(
  before: TokenRevocation | undefined,
  { id, kind, issuer, createdMs, restoredMs }: TokenRevocation,
): readonly LedgerNews[] {
  const told = { revocation: id, kind, issuer }
  if (restoredMs === null) return before ? [] : [{ event: 'tokens_revoked', ...told, time_ms: createdMs }]
  return before ? [{ event: 'tokens_restored', ...told, time_ms: restoredMs }] : []
}
