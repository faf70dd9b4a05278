import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RequirementPlan } from '../../program/program.ts'
import type { LinkedScheme } from '../authenticate/scheme.ts'
import { anonymous, principalOf } from '../principal.ts'
import { authorize } from './authorize.ts'

type Grants = Readonly<Record<string, readonly string[]>>

const schemes: readonly LinkedScheme[] = ['oauth', 'key'].map((name) => ({
  name,
  place: name,
  challenges: {
    missing: [],
    invalid: () => [],
    scope: (scopes) => [`${name} ${scopes.join(' ')}`],
    stepUp: null,
  },
  judge: () => ({ kind: 'missing' }),
}))

function decide(requirement: RequirementPlan, grants: Grants) {
  const identities = new Map(
    Object.entries(grants).map(([name, scopes]) => [name, { ...anonymous, scopes: new Set(scopes) }]),
  )
  return authorize({ principal: principalOf(requirement, identities), requirement }, schemes, 'anOperation')
}
const oauth = (...scopes: readonly string[]) => ({ scheme: 'oauth', scopes })
const key = (...scopes: readonly string[]) => ({ scheme: 'key', scopes })

test('all scopes of the alternative suffice (OpenAPI Security Requirement Object)', () => {
  assert.ok(decide([oauth('a', 'b')], { oauth: ['a', 'b', 'c'] }).allow)
  assert.ok(decide([oauth()], { oauth: [] }).allow)
  assert.ok(decide([oauth('a'), key('b')], { oauth: ['a'], key: ['b'] }).allow)
  assert.ok(decide([], {}).allow)
})

test('a missing scope is 403 with a challenge that names what is wanted (RFC 6750 3.1)', () => {
  for (const held of [[], ['a'], ['A', 'b'], ['a b'], ['ab']]) {
    const denied = decide([oauth('a', 'b')], { oauth: held })
    assert.ok(!denied.allow && denied.reason === 'scope_missing')
    assert.deepEqual(denied.client, { challenges: ['oauth a b'] })
  }
})

test("one scheme's scopes never serve another's demand", () => {
  const denied = decide([oauth('a'), key('b')], { oauth: ['a', 'b'], key: [] })
  assert.ok(!denied.allow && denied.reason === 'scope_missing')
  assert.equal(denied.detail, 'lacks b')
})
