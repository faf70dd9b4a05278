declare const normalized: unique symbol

/** A path in its one canonical spelling; made only by `normalizePath`, matched and forwarded as it is. */
export type NormalizedPath = string & { readonly [normalized]: true }

export interface Target {
  readonly path: NormalizedPath
  /** The path's segments, canonical and still encoded; the one after a trailing slash is ''. */
  readonly segments: readonly string[]
  /** Segments that hold encoded delimiters or semicolons; they pass only where a parameter allows them. */
  readonly encodedDelimiters: readonly EncodedDelimiter[]
  /** Raw query with its `?`, forwarded as received; '' when there is none. */
  readonly search: string
  readonly query: readonly QueryPair[]
}

export interface EncodedDelimiter {
  readonly segment: number
  /** E.g. `%2F`, hex in upper case; `;` for a plain semicolon. */
  readonly octet: string
}

export interface QueryPair {
  /** Percent-decoded. */
  readonly name: string
  /** Still encoded; null when the pair has no `=`. */
  readonly value: string | null
}
