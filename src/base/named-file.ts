/** A file that was read, and what to call it in an error. */
export interface NamedFile {
  readonly path: string
  readonly octets: Buffer
}
