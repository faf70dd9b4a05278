import { readPasswordHash } from '../../../base/password-hash.ts'
import type { Section } from '../../section.ts'
import type { IdentityEntry } from '../configuration.ts'
import { readSecret } from '../files.ts'

/** Keys of an entry whose credential is a name and a password, beside `type`. */
export const basicKeys = ['users'] as const

export function readBasic(section: Section, env: NodeJS.ProcessEnv): IdentityEntry | undefined {
  section.report.warn(
    'weakening',
    section.position('type'),
    'passwords are sent with every request, and whoever reads one has it for good',
    'use tokens, or API keys that can be rotated',
  )
  if (!section.require('users', '{ alice: { password: "${ALICE_HASH}" } }')) return undefined
  const secrets: { [user: string]: string } = {}
  const users: { [user: string]: { readonly scopes: readonly string[] } } = {}
  for (const [name, user] of section.members('users')) {
    user.expect(['password', 'scopes'])
    if (name.includes(':'))
      section.problem(
        'users',
        'value-invalid',
        `${name} holds a colon`,
        'RFC 7617 ends a name at the first colon',
      )
    if (!user.require('password', '"${PASSWORD_HASH}", made by portcullis keys hash-password')) continue
    const hash = readHash(user, env)
    if (hash === undefined) continue
    secrets[name] = hash
    users[name] = { scopes: user.texts('scopes') ?? [] }
  }
  if (new Set(Object.values(secrets).map(costOf)).size > 1)
    section.report.warn(
      'weakening',
      section.position('users'),
      'the hashes of these users differ in their cost, and the time of an answer tells which a name has',
      'make all of them with `portcullis keys hash-password`',
    )
  if (Object.keys(users).length === 0 && !section.report.hasErrors)
    section.wrong('users', 'a mapping with a user')
  return { position: section.position(), secrets, plan: { kind: 'basic', users } }
}

/** Algorithm and parameters of a hash in PHC format: all but its salt and the hash itself. */
function costOf(hash: string): string {
  return hash.split('$').slice(0, -2).join('$')
}

/** A hash may stand in the open, which a password may not. */
function readHash(user: Section, env: NodeJS.ProcessEnv): string | undefined {
  const written = user.get('password')
  const hash =
    typeof written === 'string' && /^\$[a-z]/.test(written) ? written : readSecret(user, 'password', env)
  if (hash === undefined) return hash
  const fix = 'make one with `portcullis keys hash-password`'
  if (!/^\$(?:scrypt|argon2id)\$/.test(hash))
    return user.problem(
      'password',
      'password-plain',
      'password must be a hash in PHC format, $scrypt$… or $argon2id$…',
      fix,
    )
  const read = readPasswordHash(hash)
  return typeof read === 'string'
    ? user.problem('password', 'value-invalid', `password is a hash that cannot be used: ${read}`, fix)
    : hash
}
