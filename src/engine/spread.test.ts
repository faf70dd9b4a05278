import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spreadOf } from './spread.ts'

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0')

const forms: { readonly [form: string]: (nth: number) => string } = {
  'of this gateway': (nth) => hex(Math.imul(nth + 1, 0x9e3779b1) >>> 0, 8).repeat(4),
  'a UUID that begins with the time': (nth) =>
    `019abcde-f012-7${hex(nth % 4096, 3)}-8000-${hex(nth * 7919, 12)}`,
  'a word and a number': (nth) => `request-${nth}`,
  'a number': (nth) => String(1_993_847_561_203_455_000 + nth * 4096),
}

for (const [form, idOf] of Object.entries(forms))
  test(`who is turned away together is spread evenly, whatever the form of the id: ${form} (RFC 9110 10.2.3)`, () => {
    const tenths = new Array<number>(10).fill(0)
    for (let nth = 0; nth < 10_000; nth++) {
      const spread = spreadOf(idOf(nth))
      assert.ok(spread >= 0 && spread < 1)
      const tenth = Math.floor(spread * 10)
      tenths[tenth] = (tenths[tenth] as number) + 1
    }
    for (const count of tenths) assert.ok(count > 850 && count < 1150, tenths.join(' '))
  })
