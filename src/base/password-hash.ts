import * as crypto from 'node:crypto'

/** Parameters beyond these would let a line of the configuration stop the gate. */
export const maxMemoryBytes = 256 * 1024 * 1024

/** A password's hash, and how it was made. */
export type PasswordHash =
  | {
      readonly algorithm: 'scrypt'
      readonly n: number
      readonly r: number
      readonly p: number
      readonly salt: Buffer
      readonly hash: Buffer
    }
  | {
      readonly algorithm: 'argon2id'
      readonly memory: number
      readonly passes: number
      readonly parallelism: number
      readonly salt: Buffer
      readonly hash: Buffer
    }

/**
 * Reads a hash in PHC string format: `$scrypt$ln=17,r=8,p=1$salt$hash` or `$argon2id$v=19$m=65536,t=3,p=1$salt$hash`.
 * @returns what is wrong with it, as a text, otherwise
 * @see https://github.com/P-H-C/phc-string-format, RFC 7914, RFC 9106
 */
export function readPasswordHash(text: string): PasswordHash | string {
  const scrypted =
    /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(text)
  if (scrypted) {
    const [ln, r, p] = scrypted.slice(1, 4).map(Number) as [number, number, number]
    const n = 2 ** ln
    if (ln < 14) return 'its cost is too low: ln must be at least 14'
    if (128 * n * r > maxMemoryBytes || r < 1 || p < 1 || p > 16) return 'its cost is too high'
    return bounded({ algorithm: 'scrypt', n, r, p, ...tail(scrypted) })
  }
  const argon =
    /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(text)
  if (!argon) return 'it is not $scrypt$… or $argon2id$v=19$… in PHC format'
  if (!('argon2' in crypto)) return 'this Node.js has no argon2; use scrypt'
  const [memory, passes, parallelism] = argon.slice(1, 4).map(Number) as [number, number, number]
  if (memory < 7168 || passes < 1 || parallelism < 1) return 'its cost is too low: m must be at least 7168'
  if (memory * 1024 > maxMemoryBytes || passes > 20 || parallelism > 16) return 'its cost is too high'
  return bounded({ algorithm: 'argon2id', memory, passes, parallelism, ...tail(argon) })
}

function tail(match: RegExpExecArray): { readonly salt: Buffer; readonly hash: Buffer } {
  return { salt: Buffer.from(match[4] ?? '', 'base64'), hash: Buffer.from(match[5] ?? '', 'base64') }
}

function bounded(plan: PasswordHash): PasswordHash | string {
  if (plan.salt.length < 8 || plan.salt.length > 64) return 'its salt must have 8 to 64 octets'
  return plan.hash.length < 16 || plan.hash.length > 64 ? 'its hash must have 16 to 64 octets' : plan
}
