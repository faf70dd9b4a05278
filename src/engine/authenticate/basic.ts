import type { BasicPlan } from '../../program/schemes.ts'
import type { FieldTable } from '../parse/head.ts'
import type { PasswordState } from '../ports.ts'
import { crossSiteBrowser } from '../request-site.ts'
import { type LinkedScheme, missing, oneChallenge, type Verdict } from './scheme.ts'

const challenges = oneChallenge('Basic realm="api", charset="UTF-8"')

/**
 * A scheme whose credential is a name and a password (RFC 7617). A browser that was given them once adds them to whatever
 * a page makes it send.
 * @param pages origins whose pages may do so
 */
export function linkBasic(scheme: string, plan: BasicPlan, pages: readonly string[]): LinkedScheme {
  return {
    name: scheme,
    place: 'authorization: basic',
    challenges,
    judge({ method, fields }, { passwords }, nowMs) {
      const shown = presentedPassword(fields)
      if (shown === null) return missing
      const foreign = crossSiteBrowser(method, fields, pages)
      if (foreign !== null) return { kind: 'cross_site', detail: foreign }
      if (typeof shown === 'string') return { kind: 'invalid', detail: shown }
      const state = passwords.verify(scheme, shown.user, shown.password, nowMs)
      return state instanceof Promise ? state.then(conclude) : conclude(state)

      function conclude(found: PasswordState): Verdict {
        if (found === 'wrong') return { kind: 'invalid', detail: 'the name or the password is wrong' }
        if (found === 'busy') return { kind: 'fault', detail: 'too many passwords are being verified' }
        return accepted((shown as Shown).user, plan)
      }
    },
  }
}

interface Shown {
  readonly user: string
  readonly password: string
}

const credential = /^basic ([A-Za-z0-9+/]+={0,2})$/i
const schemeName = /^basic(?:$|[ \t,])/i
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const maxLength = 512

/** RFC 7617 2: base64 of name, colon, password, in UTF-8. A text says what is wrong; null: no such credential. */
function presentedPassword(fields: FieldTable): Shown | string | null {
  const value = fields.get('authorization')
  if (value === null || !schemeName.test(value)) return null
  const encoded = credential.exec(value)?.[1]
  if (encoded === undefined || encoded.length > maxLength)
    return 'what follows Basic is not one short token68'
  const bytes = Buffer.from(encoded, 'base64')
  if (bytes.toString('base64') !== encoded) return 'the base64 is not in its one spelling'
  const text = decode(bytes)
  const colon = text?.indexOf(':') ?? -1
  // biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 7617 2 forbids them
  if (text === null || colon < 1 || /[\u0000-\u001f\u007f]/.test(text)) return 'this is no name and password'
  return { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

function decode(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes)
  } catch {
    return null
  }
}

function accepted(user: string, { users }: BasicPlan): Verdict {
  return {
    kind: 'accepted',
    identity: {
      subject: user,
      issuer: null,
      client: null,
      keyId: null,
      scopes: new Set(users[user]?.scopes ?? []),
      roles: [],
      confirmation: null,
      key: null,
      claims: {},
    },
  }
}
