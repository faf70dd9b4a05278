import { OwnError } from '../base/code-of-error.ts'
import { fetchMetadata, getJson } from './issuer-metadata.ts'
import { type KeySet, readKeySet } from './read-key-set.ts'

export interface FetchedKeySet {
  readonly keySet: KeySet
  /** How long the issuer says the set is fresh (RFC 9111 5.2.2.1), in milliseconds; null when it does not say. */
  readonly maxAgeMs: number | null
}

/**
 * Fetches an issuer's keys: its metadata names the key set.
 * @throws Error with a message for the operator
 * @see RFC 8414 2 (`jwks_uri`)
 */
export async function fetchKeySet(issuer: string, signal: AbortSignal): Promise<FetchedKeySet> {
  const { jwks_uri: keySetUrl } = await fetchMetadata(issuer, { signal })
  if (typeof keySetUrl !== 'string') throw new OwnError('the metadata names no jwks_uri')
  const { document, maxAgeMs } = await getJson(keySetUrl, { signal })
  const keySet = readKeySet(document)
  if (typeof keySet === 'string') throw new OwnError(keySet)
  return { keySet, maxAgeMs }
}
