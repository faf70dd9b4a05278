import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OperationPlan, Program } from '../../program/program.ts'
import { credentialPlaces } from './credential-places.ts'

const schemes = {
  own: { kind: 'apiKey', in: 'query', name: 'own_key', allowInQuery: true },
  other: { kind: 'apiKey', in: 'query', name: 'api_key', allowInQuery: true },
} as const

function places(declared: readonly string[]) {
  const alternatives = [[{ scheme: 'own', scopes: [] }]]
  const operation = {
    security: { alternatives },
    parameters: declared.map((name) => ({ in: 'query', name })),
  } as unknown as OperationPlan
  return credentialPlaces({ schemes } as unknown as Program, operation)
}

test('keys of all schemes are withheld from the backend; only those of its own are known to an operation', () => {
  assert.deepEqual([...places([]).query], ['own_key'])
  assert.deepEqual([...places([]).withheldQuery], ['own_key', 'api_key'])
})

test('a parameter that the operation declares under the name of a foreign key is no key; its own key always is', () => {
  assert.deepEqual([...places(['api_key', 'own_key']).withheldQuery], ['own_key'])
})
