import type { BucketKey } from '../ports.ts'

/** A key in one text. With its length before it no namespace can pretend to go on in a name. */
export function spellKey({ namespace, name }: BucketKey): string {
  return `${namespace.length}:${namespace} ${name}`
}
