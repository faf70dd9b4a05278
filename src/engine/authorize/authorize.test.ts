import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anonymous } from '../principal.ts'
import { authorize } from './authorize.ts'

const caller = (...scopes: readonly string[]) => ({ ...anonymous, scopes: new Set(scopes) })
const needs = (...scopes: readonly string[]) => [{ scheme: 'oauth', scopes }]

test('all scopes of one met alternative suffice (OpenAPI Security Requirement Object)', () => {
  assert.ok(authorize(caller('a', 'b'), [needs('a', 'b')]).allow)
  assert.ok(authorize(caller('b'), [needs('a'), needs('b')]).allow)
  assert.ok(authorize(caller(), [needs()]).allow)
  assert.ok(authorize(anonymous, []).allow)
  assert.ok(authorize(anonymous, [[]]).allow)
})

test('a missing scope is 403 with a challenge that names what is wanted (RFC 6750 3.1)', () => {
  for (const scopes of [[], ['a'], ['A', 'b'], ['a b'], ['ab']]) {
    const denied = authorize(caller(...scopes), [needs('a', 'b')])
    assert.ok(!denied.allow && denied.reason === 'scope_missing')
    assert.deepEqual(denied.client, {
      challenges: ['Bearer realm="api", error="insufficient_scope", scope="a b"'],
    })
  }
})
