import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { compile } from '../../src/contract/compile.ts'

// What would start and let nobody in.

let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-identity-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

/** Errors as `rule file:line: message`. */
function problems(entry: string, constraint = ''): readonly string[] {
  writeFileSync(
    join(folder, 'openapi.yaml'),
    `openapi: 3.1.0
info: { title: t, version: '1' }
paths:
  /a:
    get: { security: [{ bearerAuth: [] }], ${constraint} responses: { '200': { description: ok } } }
components: { securitySchemes: { bearerAuth: { type: http, scheme: bearer } } }
`,
  )
  const file = join(folder, 'portcullis.yaml')
  writeFileSync(
    file,
    `contract: ./openapi.yaml
publicUrl: https://api.example.com
listen: { http: { port: 0, allowPlaintext: true } }
upstreams: { default: { url: "http://127.0.0.1:9" } }
identity:
  bearerAuth: { type: jwt, ${entry} }
`,
  )
  return compile(file, {}).diagnostics.flatMap(({ severity, rule, position, message }) =>
    severity === 'error' ? [`${rule} ${basename(position.file)}:${position.line}: ${message}`] : [],
  )
}

const sound = 'issuer: "https://i.example", audience: a'

test('an empty list where nobody would meet one is a problem where it stands', () => {
  assert.deepEqual(problems(sound), [])
  const wrong = (key: string) =>
    `value-invalid portcullis.yaml:6: ${key} must be a text or a list of texts that is not empty`
  assert.ok(problems('issuers: [], audience: a').includes(wrong('issuers')))
  assert.ok(problems('issuer: "https://i.example", audience: []').includes(wrong('audience')))
  assert.deepEqual(problems(`${sound}, requiredClaims: { tenant: [] }`), [wrong('tenant')])
})

test('an age that no token and no login is young enough for is a problem where it stands (RFC 7519 4.1.4, RFC 9470 3)', () => {
  const age = 'value-invalid portcullis.yaml:6: maxTokenAge must be at least 1s'
  for (const wrong of ['0s', '0h', '999ms'])
    assert.deepEqual(problems(`${sound}, maxTokenAge: ${wrong}`), [age])
  assert.deepEqual(problems(`${sound}, maxTokenAge: 1s`), [])
  const login = 'value-invalid openapi.yaml:5: maxAge must be whole seconds, at least 1s'
  const stepUp = (maxAge: string) =>
    problems(sound, `operationId: getA, x-portcullis: { stepUp: { maxAge: ${maxAge} } },`)
  for (const wrong of ['0s', '0min', '500ms', '1500ms']) assert.deepEqual(stepUp(wrong), [login], wrong)
  assert.deepEqual(stepUp('1s'), [])
})

test('tokens that must be bound to a certificate need a listener that asks for one (RFC 8705 3)', () => {
  assert.deepEqual(problems(`${sound}, senderConstraint: mutualTLS`), [
    'authority-missing portcullis.yaml:6: tokens of bearerAuth must be bound to a certificate, and no client is asked for one',
  ])
  assert.deepEqual(problems(sound, 'operationId: getA, x-portcullis: { senderConstraint: mutualTLS },'), [
    'authority-missing openapi.yaml:5: tokens for getA must be bound to a certificate, and no client is asked for one',
  ])
  assert.deepEqual(problems(`${sound}, senderConstraint: [dpop, mutualTLS]`), [])
})
