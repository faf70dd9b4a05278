import type { Act, KeyRecord, TokenRevocation } from './ledger.ts'

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

/** Who did it; absent where the ledger does not say. */
export interface NewsActor {
  readonly command?: string
  readonly os_user?: string
  readonly sudo_user?: string
  readonly host?: string
}

/** By which commands what is told comes about. */
const commands: { readonly [E in LedgerNews['event']]: readonly string[] } = {
  api_key_created: ['keys create', 'keys rotate'],
  api_key_rotated: ['keys rotate'],
  api_key_revoked: ['keys revoke'],
  api_key_changed: [],
  tokens_revoked: ['tokens revoke'],
  tokens_restored: ['tokens restore'],
}

/** Finds the act behind news: the last one on that record by a command that does such a thing; of a new key the first. */
export function actorOf(news: LedgerNews, acts: readonly Act[]): NewsActor {
  const record = 'key_id' in news ? news.key_id : news.revocation
  const fitting = acts.filter(
    ({ command, records }) => records.includes(record) && commands[news.event].includes(command),
  )
  const act = news.event === 'api_key_created' ? fitting[0] : fitting.at(-1)
  if (!act) return {}
  const { command, user, sudoUser, host } = act
  return { command, os_user: user, ...(sudoUser !== null && { sudo_user: sudoUser }), host }
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
