import type { JsonFault } from '../../base/read-json.ts'
import type { MediaTypePlan } from '../../program/program.ts'
import type { Validator } from '../../schema/validator.ts'
import type { LinkedPart } from './read-multipart.ts'
import type { Readable } from './settle.ts'

/** A media type of a body as the contract describes it. */
export interface LinkedMediaType {
  readonly plan: MediaTypePlan
  /** Null for `opaque`. */
  readonly validator: Validator | null
  /** How the octets become the value that is validated; null for `opaque` and `multipart`. */
  readonly read: ReadContent | null
  /** For `multipart`, else null. */
  readonly parts: ReadonlyMap<string, LinkedPart> | null
}

export type ReadContent = (bytes: Uint8Array) => ContentReading

/** Content as a value, or why it is none. The schema has not been asked yet. */
export type ContentReading =
  | ({ readonly ok: true } & Readable)
  | { readonly ok: false; readonly faults: readonly JsonFault[] }

/** What is wrong with the content as a whole. */
export function unreadable(message: string): ContentReading {
  return { ok: false, faults: [{ pointer: '', message }] }
}
