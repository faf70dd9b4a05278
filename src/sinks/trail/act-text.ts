import type { LedgerNews, NewsActor } from '../../engine/ledger-news.ts'
import { quoted } from './entry-text.ts'

type Event = LedgerNews['event']

/** Events of the ledger that stand on the trail. */
const acts: { readonly [E in Event]: true } = {
  api_key_created: true,
  api_key_changed: true,
  api_key_rotated: true,
  api_key_revoked: true,
  tokens_revoked: true,
  tokens_restored: true,
}

/** What an entry of an act may have, by the names of the log, in this order. */
const members: readonly (readonly [field: keyof Fields, member: string])[] = [
  ['key_id', 'key_id'],
  ['successor', 'successor'],
  ['revocation', 'revocation'],
  ['kind', 'of'],
  ['issuer', 'issuer'],
  ['command', 'command'],
  ['os_user', 'os_user'],
  ['sudo_user', 'sudo_user'],
  ['host', 'host'],
]
type Fields = {
  readonly [F in 'key_id' | 'successor' | 'revocation' | 'kind' | 'issuer' | keyof NewsActor]?: unknown
}

/**
 * The text of an act of an administrator, with these members and no others, absent where they are not known.
 * @returns null for an event that is none
 */
export function textOfAct(event: string, fields: Fields & { readonly time_ms?: unknown }): string | null {
  if (!Object.hasOwn(acts, event)) return null
  let text = `{"kind":"${event}"`
  for (const [field, member] of members) {
    const value = fields[field]
    if (typeof value === 'string') text += `,"${member}":${quoted(value)}`
  }
  const { time_ms: ms } = fields
  if (typeof ms === 'number' && Number.isFinite(ms) && Math.abs(ms) < 8.64e15)
    text += `,"done":"${new Date(ms).toISOString()}"`
  return `${text}}`
}
