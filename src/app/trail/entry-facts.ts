/** Members of an entry, by the names under which they stand there. */
export interface EntryFacts {
  readonly [name: string]: unknown
}

/** @returns null for what was tampered with so that it is no entry */
export function factsOf(text: string): EntryFacts | null {
  try {
    return JSON.parse(text) as EntryFacts
  } catch {
    return null
  }
}
