import * as crypto from 'node:crypto'
import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { maxMemoryBytes, type PasswordHash, readPasswordHash } from '../base/password-hash.ts'
import type { PasswordState, Passwords } from '../engine/ports.ts'
import type { Settings } from '../program/settings.ts'
import { BoundedCache } from './bounded-cache.ts'

/** Cost of a new hash: 128 MiB·r, as OWASP's Password Storage Cheat Sheet advises for scrypt (N = 2^17, r = 8, p = 1). */
const cost = { ln: 17, r: 8, p: 1 } as const
const saltBytes = 16
const hashBytes = 32
/** They run on the platform's pool of threads; more would only take each other's time and memory. */
const maxVerifying = 2
const maxWaiting = 16
const rememberMs = 60_000
const minRemembered = 1000

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

function derive(plan: PasswordHash, password: string): Promise<Buffer> {
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
