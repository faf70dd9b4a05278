import * as crypto from 'node:crypto'
import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import type { PasswordState, Passwords } from '../engine/ports.ts'
import type { Settings } from '../program/settings.ts'
import { BoundedCache } from './bounded-cache.ts'

/** Cost of a new hash: 128 MiB·r, as OWASP's Password Storage Cheat Sheet advises for scrypt (N = 2^17, r = 8, p = 1). */
const cost = { ln: 17, r: 8, p: 1 } as const
/** Parameters beyond these would let a line of the configuration stop the gate. */
const maxMemoryBytes = 256 * 1024 * 1024
const saltBytes = 16
const hashBytes = 32
/** They run on the platform's pool of threads; more would only take each other's time and memory. */
const maxVerifying = 2
const maxWaiting = 16
const rememberMs = 60_000
const minRemembered = 1000

type HashPlan =
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
export function readPasswordHash(text: string): HashPlan | string {
  const scrypted =
    /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(text)
  if (scrypted) {
    const [ln, r, p] = scrypted.slice(1, 4).map(Number) as [number, number, number]
    const n = 2 ** ln
    if (ln < 14) return 'its cost is too low: ln must be at least 14'
    if (128 * n * r > maxMemoryBytes || p < 1 || p > 16) return 'its cost is too high'
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

function bounded(plan: HashPlan): HashPlan | string {
  if (plan.salt.length < 8 || plan.salt.length > 64) return 'its salt must have 8 to 64 octets'
  return plan.hash.length < 16 || plan.hash.length > 64 ? 'its hash must have 16 to 64 octets' : plan
}

/** A hash to write into the configuration. */
export async function hashPassword(password: string): Promise<string> {
  const { ln, r, p } = cost
  const salt = randomBytes(saltBytes)
  const hash = await derive(
    { algorithm: 'scrypt', n: 2 ** ln, r, p, salt, hash: Buffer.alloc(hashBytes) },
    password,
  )
  const text = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')
  return `$scrypt$ln=${ln},r=${r},p=${p}$${text(salt)}$${text(hash)}`
}

/** @param secrets scheme → user → hash in PHC format, already read once */
export function createPasswords({ secrets }: Pick<Settings, 'secrets'>): Passwords {
  const remembered = new BoundedCache<number>(minRemembered)
  const secret = randomBytes(32)
  const verifying = new Map<string, Promise<PasswordState>>()
  const waiting: (() => void)[] = []
  let running = 0

  return {
    verify(scheme, user, password, nowMs) {
      // Keyed by a secret of the process, so that memory holds nothing a password could be guessed from.
      const seen = createHmac('sha256', secret)
        .update(JSON.stringify([scheme, user, password]))
        .digest('base64')
      const until = remembered.get(seen)
      if (until !== undefined && nowMs < until) return 'right'
      const under = verifying.get(seen)
      if (under) return under
      if (running >= maxVerifying && waiting.length >= maxWaiting) return 'busy'
      const mine = verify(scheme, user, password).then((right) => {
        verifying.delete(seen)
        if (!right) return 'wrong'
        remembered.set(seen, nowMs + rememberMs)
        return 'right'
      })
      verifying.set(seen, mine)
      return mine
    },
  }

  async function verify(scheme: string, user: string, password: string): Promise<boolean> {
    const users = secrets[scheme] ?? {}
    const known = Object.hasOwn(users, user)
    // A name that does not exist takes as long as one that does: another's hash, whose answer does not count.
    const plan = readPasswordHash((known ? users[user] : Object.values(users)[0]) ?? '')
    if (typeof plan === 'string') return false
    if (running >= maxVerifying) await new Promise<void>((resume) => waiting.push(resume))
    running++
    try {
      return timingSafeEqual(await derive(plan, password), plan.hash) && known
    } catch {
      return false
    } finally {
      running--
      waiting.shift()?.()
    }
  }
}

function derive(plan: HashPlan, password: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, hash: Buffer) => (error ? reject(error) : resolve(hash))
    const length = plan.hash.length
    if (plan.algorithm === 'scrypt') {
      const { n, r, p } = plan
      scrypt(password.normalize('NFC'), plan.salt, length, { N: n, r, p, maxmem: maxMemoryBytes * 2 }, done)
      return
    }
    const { memory, passes, parallelism, salt } = plan
    crypto.argon2(
      'argon2id',
      { message: password.normalize('NFC'), nonce: salt, parallelism, tagLength: length, memory, passes },
      done,
    )
  })
}
