import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OperationPlan, ParameterPlan } from '../../program/program.ts'
import { anonymous } from '../principal.ts'
import { linkRules } from './link-rules.ts'
import { judgeRules, type RuleInput } from './rules.ts'

const source = { file: 'openapi.yaml', line: 7, column: 3 }

function parameter(place: ParameterPlan['in'], name: string, primitive: 'string' | 'integer'): ParameterPlan {
  return {
    in: place,
    name,
    required: false,
    style: place === 'query' ? 'form' : 'simple',
    explode: false,
    allowEmptyValue: false,
    type: { kind: 'primitive', primitives: [primitive] },
    json: false,
    schema: { type: primitive },
  }
}

const parameters = [
  parameter('path', 'userId', 'string'),
  parameter('path', 'n', 'integer'),
  parameter('query', 'limit', 'integer'),
  parameter('header', 'X-Tenant', 'string'),
]
const body: OperationPlan['body'] = {
  required: false,
  content: [
    { mediaType: 'application/json', parameters: [], reading: 'json', schema: { $ref: '#/$defs/Order' } },
    { mediaType: 'application/octet-stream', parameters: [], reading: 'opaque', schema: true },
  ],
}
const definitions = {
  Order: {
    type: 'object',
    properties: { qty: { type: 'integer' }, owner: { type: 'string' } },
    additionalProperties: false,
  },
}
const valid: RuleInput = {
  principal: anonymous,
  parameters: {
    path: new Map<string, unknown>([
      ['userId', 'u1'],
      ['n', 3],
    ]),
    query: new Map(),
    header: new Map([['X-Tenant', 't1']]),
    cookie: new Map(),
  },
  body: { qty: 2, owner: 'u1' },
}

function decide(expressions: readonly string[], claims = {}, over: Partial<RuleInput> = {}): string {
  const rules = expressions.map((expression) => ({ expression, source }))
  const linked = linkRules({ id: 'op', rules, parameters, body }, definitions)
  const decision = judgeRules(linked, { ...valid, principal: { ...anonymous, claims }, ...over })
  return decision.allow ? 'allow' : `${decision.reason} ${decision.detail}`
}

test('all rules must hold (OWASP API1)', () => {
  assert.equal(decide(['token.sub == path.userId', 'headers["x-tenant"] == "t1"'], { sub: 'u1' }), 'allow')
  assert.equal(
    decide(['token.sub == path.userId'], { sub: 'u2' }),
    'not_authorized the rule at openapi.yaml:7 does not hold',
  )
  assert.equal(decide([]), 'allow')
})

test('an absent claim or a value that is not true denies (fail closed)', () => {
  assert.match(
    decide(['token.sub == path.userId']),
    /^not_authorized .* cannot be evaluated: no such key: sub/,
  )
  assert.match(decide(['token.admin'], { admin: 1 }), /^not_authorized/)
  assert.match(decide(['token.admin'], { admin: 'true' }), /^not_authorized/)
})

test('validated values are typed: an integer of a parameter or a body is an integer', () => {
  assert.equal(decide(['path.n == 3', 'path.n + body.qty == 5', 'body.qty > 1']), 'allow')
})

test('an optional parameter that is absent can be asked for, and naming it all the same denies', () => {
  assert.equal(decide(['!has(query.limit) || query.limit <= 100']), 'allow')
  assert.match(decide(['query.limit <= 100']), /cannot be evaluated: no such key: limit/)
  const query = new Map([['limit', 50]])
  const parameters = { ...(valid.parameters as NonNullable<RuleInput['parameters']>), query }
  assert.equal(decide(['query.limit <= 100'], {}, { parameters }), 'allow')
})

test('an optional body that is absent has no members', () => {
  assert.equal(decide(['!has(body.owner)'], {}, { body: null }), 'allow')
  assert.match(decide(['body.owner == "u1"'], {}, { body: null }), /cannot be evaluated: no such key: owner/)
})

test('what was not validated is an error to the rule that needs it, never an absence (fail closed)', () => {
  assert.match(decide(['!has(body.owner)'], {}, { body: undefined }), /cannot be evaluated/)
  assert.match(decide(['!has(query.limit)'], {}, { parameters: null }), /cannot be evaluated/)
  assert.equal(decide(['token.admin'], { admin: true }, { body: undefined, parameters: null }), 'allow')
})

test('without an API key a rule about it denies, and can be asked', () => {
  assert.match(decide(['key.owner == "team-a"']), /cannot be evaluated: no such key: owner/)
  assert.match(decide(['"orders" in key.scopes']), /cannot be evaluated/)
  assert.equal(decide(['!has(key.id)']), 'allow')
})
