import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { JsonObject } from '../../src/base/json.ts'
import { compile } from '../../src/contract/compile.ts'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { startGate, type TestGate } from '../harness/gate.ts'
import { type SampleRequest, sampleRequests } from './sample-requests.ts'

const generated = new URL('../packages/node_modules/@octokit/openapi/generated/', import.meta.url)
const contract = fileURLToPath(new URL('api.github.com.json', generated))

let gate: TestGate
let token: string
let samples: readonly SampleRequest[]

before(async () => {
  gate = await startGate({ contract, more: 'security: [{ bearerAuth: [] }]' })
  token = await gate.issuer.token()
  const resolved = readFileSync(new URL('api.github.com.deref.json', generated), 'utf8')
  samples = sampleRequests(JSON.parse(resolved) as JsonObject)
})
after(() => gate.stop())

const send = ({ method, target, body }: SampleRequest, bearer: string | undefined = token) =>
  ask(gate, target, {
    method,
    ...(bearer !== undefined && { token: bearer }),
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })

async function operationOf(requestId: string | undefined): Promise<unknown> {
  return (await gate.logged((line) => line.request_id === requestId)).operation
}

/** Examples that break the schema they stand beside; the gate says so, and so does the document to whoever reads it. */
const brokenExamples: ReadonlyMap<string, string> = new Map([
  ['users/create-public-ssh-key-for-authenticated-user', '/key'],
  ['users/create-ssh-signing-key-for-authenticated-user', '/key'],
])

test('the document compiles whole, its security decided by the configuration', () => {
  const { program, summary, diagnostics } = compile(gate.configurationFile, process.env)
  assert.ok(program)
  assert.equal(summary.operations, samples.length)
  assert.equal(summary.decidedByConfiguration, summary.operations)
  assert.deepEqual(
    diagnostics.filter(({ severity }) => severity === 'error'),
    [],
  )
})

test('requests made of its own examples pass, or are denied as the document says', async () => {
  const fromExamples = samples.filter((sample) => sample.fromExamples)
  assert.ok(fromExamples.length >= 30, `${fromExamples.length} operations`)
  for (const sample of fromExamples) {
    const broken = brokenExamples.get(sample.id)
    if (broken !== undefined) {
      const denied = await assertNotForwarded(gate, send(sample), 400, 'body_invalid')
      assert.match(denied.body, new RegExp(`"pointer":"${broken}"`))
      continue
    }
    const reply = await send(sample)
    assert.equal(reply.status, 200, `${sample.id}: ${reply.body}`)
    assert.equal(await operationOf(reply.fields.get('x-request-id')), sample.id)
    const seen = gate.upstream.seen.at(-1)
    assert.equal(seen?.target, sample.target)
    assert.equal(seen?.body, sample.body === undefined ? '' : JSON.stringify(sample.body))
  }
})

test('the same requests without a token, with an unknown parameter, or an unknown field are denied', async () => {
  const fromExamples = samples.filter(({ fromExamples: whole, id }) => whole && !brokenExamples.has(id))
  for (const sample of fromExamples) {
    await assertNotForwarded(
      gate,
      ask(gate, sample.target, { method: sample.method }),
      401,
      'credential_missing',
    )
    const separator = sample.target.includes('?') ? '&' : '?'
    const unknown = { ...sample, target: `${sample.target}${separator}no_such_parameter=1` }
    await assertNotForwarded(gate, send(unknown), 400, 'parameter_invalid')
  }
  const bodied = fromExamples.filter(
    ({ body }) => typeof body === 'object' && body !== null && !Array.isArray(body),
  )
  assert.ok(bodied.length >= 10, `${bodied.length} operations with a body`)
  for (const sample of bodied) {
    const more = { ...sample, body: { ...(sample.body as JsonObject), no_such_field: 1 } }
    await assertNotForwarded(gate, send(more), 400, 'body_invalid')
  }
})

test('every operation is reached by its own path and method, or by a more concrete one', async () => {
  const elsewhere: string[] = []
  const asked: (readonly [id: string, requestId: string | undefined])[] = []
  for (const sample of samples) {
    const reply = await send(sample)
    if (reply.status === 404 || reply.status === 405) elsewhere.push(`${sample.id} ${reply.status}`)
    else if (!reply.body.includes('path_ambiguous')) asked.push([sample.id, reply.fields.get('x-request-id')])
  }
  await operationOf(asked.at(-1)?.[1])
  const reached = new Map(gate.log.map(({ request_id: requestId, operation }) => [requestId, operation]))
  for (const [id, requestId] of asked) {
    const operation = reached.get(requestId)
    if (operation !== id) elsewhere.push(`${id} → ${String(operation)}`)
  }
  assert.deepEqual(elsewhere, [])
})

const overlapping: readonly (readonly [request: string, operation: string])[] = [
  ['GET /repos/o/r/releases/latest', 'repos/get-latest-release'],
  ['GET /repos/o/r/releases/7', 'repos/get-release'],
  ['GET /repos/o/r/contents/src/deep/file.txt', 'repos/get-content'],
  ['GET /repos/o/r/git/ref/heads/main', 'git/get-ref'],
  ['GET /repos/o/r/git/matching-refs/heads/feature', 'git/list-matching-refs'],
  ['DELETE /repos/o/r/git/refs/heads/a/b', 'git/delete-ref'],
  ['GET /repos/o/r/compare/main...topic', 'repos/compare-commits'],
  ['GET /users/octocat', 'users/get-by-username'],
  ['GET /user/17', 'users/get-by-id'],
  ['GET /orgs/o/attestations/repositories', 'orgs/list-attestation-repositories'],
  ['GET /orgs/o/attestations/sha256:abc', 'orgs/list-attestations'],
  ['DELETE /orgs/o/attestations/17', 'orgs/delete-attestations-by-id'],
]
for (const [request, operation] of overlapping) {
  test(`${request} is ${operation}`, async () => {
    const [method = '', target = ''] = request.split(' ')
    const reply = await ask(gate, target, { method, token })
    assert.equal(await operationOf(reply.fields.get('x-request-id')), operation, reply.text)
    assert.equal(reply.status, 200)
    assert.equal(gate.upstream.seen.at(-1)?.target, target)
  })
}
