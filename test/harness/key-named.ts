import type { BucketKey } from '../../src/engine/ports.ts'

/** The key of somebody, where it does not matter what the name is one of. */
export function keyNamed(name: string): BucketKey {
  return { namespace: 'subject https://login.example.com', name }
}
