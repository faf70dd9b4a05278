import { hash } from 'node:crypto'
import type { TrailRow } from '../../engine/trail-store.ts'

/** Where a chain begins: its name is part of every hash in it, so that no chain can be passed off as another. */
export function genesisOf(chain: string): string {
  return hash('sha256', `portcullis-trail-1\n${chain}`)
}

/**
 * The hash of an entry, over the one before it. All parts are ASCII and only the last may hold anything but digits, so
 * no two entries are spelled alike.
 */
export function hashOf(
  previous: string,
  { sequence, timeMs, text }: Pick<TrailRow, 'sequence' | 'timeMs' | 'text'>,
): string {
  return hash('sha256', `${previous}\n${sequence}\n${timeMs}\n${text}`)
}
