import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placeOfError } from './place-of-error.ts'

test('a defect is told by its kind, code and place, and never by its message', () => {
  const secret = 'sesame\n    at sesame (sesame.ts:1:1)'
  const told = placeOfError(Object.assign(new TypeError(secret), { code: 'ERR_OTHER' }))
  assert.match(told, /^TypeError ERR_OTHER\n {4}at .*place-of-error\.test\.ts:\d+:\d+/)
  assert.ok(!told.includes('sesame'))
  assert.equal(placeOfError('sesame'), 'a thrown string')
  const coded = placeOfError(Object.assign(new Error('x'), { code: 'sesame sesame' }))
  assert.ok(!coded.includes('sesame'))
})

test('frames that begin with the words of the message are kept apart from it', () => {
  assert.match(placeOfError(new Error('')), /^Error\n {4}at /)
})
