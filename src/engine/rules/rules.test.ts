import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileExpression } from '../../expression/compile-expression.ts'
import { anonymous } from '../principal.ts'
import { judgeRules } from './rules.ts'

const source = { file: 'openapi.yaml', line: 7, column: 3 }

function decide(expressions: readonly string[], claims = {}): string {
  const rules = expressions.map((expression) => {
    const compiled = compileExpression(
      expression,
      { token: 'map', client: 'dyn', path: ['userId'], query: [], headers: ['x-tenant'], body: 'dyn' },
      'condition',
    )
    assert.ok(compiled.ok)
    return { plan: { expression, source }, expression: compiled.value }
  })
  const decision = judgeRules(rules, {
    principal: { ...anonymous, claims },
    parameters: {
      path: new Map([['userId', 'u1']]),
      query: new Map(),
      header: new Map([['X-Tenant', 't1']]),
      cookie: new Map(),
    },
    body: null,
  })
  return decision.allow ? 'allow' : `${decision.reason} ${decision.detail}`
}

test('all rules must hold (OWASP API1)', () => {
  assert.equal(decide(['token.sub == path.userId', 'headers["x-tenant"] == "t1"'], { sub: 'u1' }), 'allow')
  assert.equal(
    decide(['token.sub == path.userId'], { sub: 'u2' }),
    'not_authorized the rule at openapi.yaml:7 does not hold',
  )
})

test('an absent claim or a value that is not true denies (fail closed)', () => {
  assert.match(decide(['token.sub == path.userId']), /^not_authorized .* cannot be evaluated/)
  assert.match(decide(['token.admin'], { admin: 1 }), /^not_authorized/)
  assert.match(decide(['token.admin'], { admin: 'true' }), /^not_authorized/)
})
