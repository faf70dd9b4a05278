import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FieldPlan, PartPlan } from '../../program/program.ts'
import { parseContentType } from './content-type.ts'
import { linkForm } from './read-form.ts'
import { linkParts, MultipartReading } from './read-multipart.ts'
import { linkText } from './read-text.ts'

const bounds = { seed: 11, numRuns: 2000 }
const field = (name: string): FieldPlan => ({
  name,
  style: 'form',
  explode: true,
  allowEmptyValue: false,
  type: { kind: 'primitive', primitives: ['string'] },
  json: false,
  jsonItems: false,
})
const form = linkForm({ fields: ['a', 'b'].map(field), others: ['string'] })
const part = (name: string, kind: PartPlan['kind'], list: boolean): PartPlan => ({
  name,
  kind,
  list,
  primitives: ['string'],
  contentTypes: kind === 'text' ? ['text/plain'] : [],
  minBytes: 0,
  maxBytes: null,
})
const parts = linkParts(
  { parts: [part('a', 'text', false), part('b', 'text', true), part('f', 'file', false)] },
  () => null,
)
const multipart = parseContentType('multipart/form-data; boundary=XX')
assert.ok(multipart)

/** Reads a body cut into pieces of the given sizes, one after another. */
function readParts(body: Buffer, sizes: readonly number[]): string {
  const reading = MultipartReading.open(multipart as NonNullable<typeof multipart>, parts, false)
  assert.ok(reading)
  for (let at = 0, i = 0; at < body.length; i++) {
    const size = sizes.length === 0 ? body.length : (sizes[i % sizes.length] as number)
    const faults = reading.push(body.subarray(at, at + size))
    if (faults) return JSON.stringify(faults)
    at += size
  }
  return JSON.stringify(reading.finish())
}

const piece = fc.constantFrom(
  '--XX',
  '--',
  '\r\n',
  '\n',
  'Content-Disposition: form-data; name="a"',
  'Content-Disposition: form-data; name="b"',
  'Content-Disposition: form-data; name="f"; filename="x"',
  'Content-Type: text/plain',
  '\r\n\r\n',
  'x',
  '\xff',
  ';',
  '"',
)
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 6 })

test('however a multipart body is cut into reads, it is read alike, and nothing is thrown', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), sizes, (pieces, cuts) => {
      const body = Buffer.from(pieces.join(''), 'latin1')
      const whole = readParts(body, [])
      // What is refused may be refused for an earlier or a later fault of the same read.
      assert.equal(
        whole.startsWith('{"ok":true'),
        readParts(body, cuts).startsWith('{"ok":true'),
        body.toString(),
      )
      if (whole.startsWith('{"ok":true')) assert.equal(readParts(body, cuts), whole)
    }),
    bounds,
  )
})

test('sound parts are read as what the platform made of them (differential)', async () => {
  const content = fc.string({ unit: 'binary', maxLength: 60 }).filter((one) => one.isWellFormed())
  await fc.assert(
    fc.asyncProperty(
      content,
      fc.array(content, { minLength: 1, maxLength: 4 }),
      sizes,
      async (a, b, cuts) => {
        const data = new FormData()
        data.append('a', a)
        for (const one of b) data.append('b', one)
        const response = new Response(data)
        const type = parseContentType(response.headers.get('content-type') ?? '')
        const body = Buffer.from(await response.clone().arrayBuffer())
        const seen = await response.formData()
        const boundary = type?.parameters.get('boundary') ?? ''
        const renamed = Buffer.from(body.toString('latin1').replaceAll(boundary, 'XX'), 'latin1')
        const expected = { ok: true, value: { a: seen.get('a'), b: seen.getAll('b') } }
        assert.deepEqual(JSON.parse(readParts(renamed, cuts)), expected)
      },
    ),
    { ...bounds, numRuns: 300 },
  )
})

test('a form is read as URLSearchParams reads it, or refused, and nothing is thrown (differential)', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 30 }),
    fc
      .array(fc.constantFrom('a', 'b', '=', '&', '%', '%41', '%ff', '+', ';', '[', ']', 'c'), {
        maxLength: 20,
      })
      .map((one) => one.join('')),
    fc
      .uniqueArray(
        fc.tuple(
          fc.string({ unit: 'grapheme', maxLength: 8 }),
          fc.string({ unit: 'grapheme', maxLength: 8 }),
        ),
        { selector: ([name]) => name, maxLength: 6 },
      )
      .map((pairs) => new URLSearchParams(pairs).toString()),
  )
  fc.assert(
    fc.property(text, (body) => {
      const reading = form(Buffer.from(body))
      if (!reading.ok) return assert.ok(reading.faults.length > 0)
      assert.deepEqual({ ...(reading.value as object) }, Object.fromEntries(new URLSearchParams(body)))
    }),
    bounds,
  )
})

test('a text is read as the platform decodes it, or refused where that refuses, and nothing is thrown (differential)', () => {
  const read = linkText(['string'])
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc.string({ unit: 'binary', maxLength: 12 }).map((text) => new TextEncoder().encode(text)),
    fc
      .constantFrom([0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xef, 0xbb, 0xbf, 0x61])
      .map((one) => Uint8Array.from(one)),
  )
  let accepted = 0
  fc.assert(
    fc.property(octets, (body) => {
      const reading = read(body)
      if (!reading.ok) return void assert.throws(() => decoder.decode(body))
      accepted++
      assert.equal(reading.value, decoder.decode(body))
    }),
    bounds,
  )
  assert.ok(accepted > 500 && accepted < bounds.numRuns, String(accepted))
})
