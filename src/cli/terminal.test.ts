import assert from 'node:assert/strict'
import { test } from 'node:test'
import { table } from './table.ts'
import { jsonText, printable } from './terminal.ts'

const nasty: readonly (readonly [name: string, text: string])[] = [
  ['a line', 'a\r\nb'],
  ['an escape sequence', '\u001b[31mred\u001b]0;title\u0007'],
  ['C1 controls', '\u0085\u009b2J\u007f'],
  ['overrides of direction', '\u202e\u2066\u200f\u061c'],
  ['separators of lines', '\u2028\u2029'],
  ['what is not seen', '\u00ad\u034f\u115f\u200b\u3164\ufe0f\ufeff\uffa0\u{e0041}\u{1d173}'],
  ['half of a surrogate pair', '\ud800x\udc00'],
]
const bad = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u

for (const [name, text] of nasty)
  test(`G3 ${name}, said by a client, writes over no terminal and breaks no line`, () => {
    assert.ok(bad.test(text))
    assert.ok(!bad.test(printable(text)))
    assert.equal(table(['a', 'b'], [[text, 'x']]).split('\n').length, 2)
    assert.ok(!bad.test(table(['a'], [[text]]).replaceAll('\n', '')))
    assert.match(jsonText({ [text]: text }), /^[\x20-\x7e]+$/)
    assert.deepEqual(JSON.parse(jsonText({ text })), { text })
  })

test('G3 a text without an end is cut', () => {
  assert.equal(printable('x'.repeat(5000)).length, 513)
  assert.ok(
    table(['a', 'b'], [['x'.repeat(5000), 'y']])
      .split('\n')
      .every((line) => line.length < 300),
  )
})
