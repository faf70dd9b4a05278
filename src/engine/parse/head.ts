/** The head of a request, read once. Every later stage takes from here and never from the raw fields. */
export interface Head {
  readonly method: string
  /** Origin-form target, still encoded, of legal length. */
  readonly target: string
  readonly fields: FieldTable
  /** Lower case, with port when the client named one. */
  readonly host: string
  readonly hasBody: boolean
  /** Octets announced by `Content-Length`; null when absent or chunked. */
  readonly contentLength: number | null
}

/** Header fields by lower-case name; fields that a later hop must not see are already gone. */
export interface FieldTable {
  /** The one value of a field, or null. Fields that may repeat are joined by `, ` (RFC 9110 5.3). */
  get(name: string): string | null
  /** Every value of a field, in order. */
  all(name: string): readonly string[]
  /** Lower-case name, value, name, value … of the end-to-end fields, in order. */
  readonly endToEnd: readonly string[]
}
