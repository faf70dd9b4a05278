import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgesOf, schemaDocument } from '../harness/schema-document.ts'

// Branches that are told apart by a listed value of a member, as documents in the manner of FHIR and Stripe have them:
// what is wrong inside the branch that is meant is told by its own pointer.

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const text = { type: 'string' }
const schemas = {
  Base: { type: 'object', properties: { id: text, extension: { type: 'array', items: ref('Extension') } } },
  Extension: { type: 'object', required: ['url'], properties: { url: text, valueString: text } },
  Patient: {
    allOf: [
      ref('Base'),
      {
        type: 'object',
        required: ['resourceType'],
        properties: {
          resourceType: { const: 'Patient' },
          born: { type: 'integer' },
          sex: { enum: ['f', 'm'] },
        },
      },
    ],
  },
  Bundle: {
    allOf: [
      ref('Base'),
      {
        type: 'object',
        required: ['resourceType', 'entry'],
        properties: {
          resourceType: { enum: ['Bundle', 'List'] },
          entry: { type: 'array', items: ref('Resource') },
        },
      },
    ],
  },
  Resource: { oneOf: [ref('Patient'), ref('Bundle')] },
}
const patient = { resourceType: 'Patient', id: 'p' }
const bundle = { resourceType: 'Bundle', entry: [patient] }

const rows: readonly (readonly [value: object, ...pointers: string[]])[] = [
  [{ ...patient, nam: 1 }, '/nam'],
  [{ ...patient, born: 'x', nam: 1 }, '/born'],
  [{ ...patient, sex: 'x' }, '/sex'],
  [{ ...patient, extension: [{ url: 'u', x: 1 }] }, '/extension/0/x'],
  [{ ...patient, extension: [{}] }, '/extension/0/url'],
  [{ resourceType: 'List' }, '/entry'],
  [{ ...bundle, entry: [patient, { ...patient, nam: 1 }] }, '/entry/1/nam'],
  [{ ...bundle, entry: [{ ...bundle, entry: [{ ...patient, born: 'x' }] }] }, '/entry/0/entry/0/born'],
  // Nobody is meant: the value is none of those listed, or not there.
  [{ ...patient, resourceType: 'Robot' }, ''],
  [{ id: 'p' }, ''],
]
for (const [value, ...pointers] of rows) {
  test(`${JSON.stringify(value)} is wrong at ${pointers.join(' ') || 'its root'}`, () => {
    for (const openapi of ['3.1.1', '3.2.0']) {
      const { request } = judgesOf(schemaDocument(ref('Resource'), schemas, openapi))
      assert.ok(request.check(patient) && request.check(bundle))
      assert.equal(request.check(value), false)
      const told = request.faults(value, 20).map(({ pointer }) => pointer)
      for (const pointer of pointers) assert.ok(told.includes(pointer), `${openapi}: ${told.join(' ')}`)
      assert.ok(pointers.includes('') || !told.includes(''), 'the root is not what is wrong')
    }
  })
}

test('a branch that does not know the telling member is not meant because others miss its value', () => {
  const schema = {
    oneOf: [
      { type: 'object', required: ['color'], properties: { color: { enum: ['red'] } } },
      { type: 'object', required: ['shape'], properties: { shape: text } },
    ],
  }
  const { request } = judgesOf(schemaDocument(schema, {}, '3.1.1'))
  assert.deepEqual(request.faults({ color: 'blue' }, 20), [
    { pointer: '', message: 'must have one of the allowed shapes' },
  ])
})

test('a tower of told-apart branches is judged in time that grows with it alone (CWE-407)', () => {
  const { request } = judgesOf(schemaDocument(ref('Resource'), schemas, '3.1.1'))
  const tower = (levels: number): object => {
    let value: object = { ...patient, nam: 1 }
    for (let i = 0; i < levels; i++) value = { resourceType: 'Bundle', entry: [value] }
    return value
  }
  const startedMs = performance.now()
  assert.equal(request.faults(tower(60), 20).length, 1)
  assert.ok(performance.now() - startedMs < 1000)
})
