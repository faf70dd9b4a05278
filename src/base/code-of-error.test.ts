import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { codeOfError, OwnError } from './code-of-error.ts'

const secret = 'sesame'
const errorWith = (fields: object) => Object.assign(new Error(`connect to redis://u:${secret}@host`), fields)

test('an error of the system is told by its code and the address of the socket', async () => {
  const refused = await new Promise((resolve) => connect(1, '127.0.0.1').once('error', resolve))
  assert.equal(codeOfError(refused), 'ECONNREFUSED 127.0.0.1:1')
  const both = new AggregateError(
    [refused, errorWith({ code: 'ECONNREFUSED', address: '::1', port: 1 })],
    secret,
  )
  assert.equal(codeOfError(both), 'ECONNREFUSED 127.0.0.1:1, ECONNREFUSED [::1]:1')
})

test('a name that stands in the place of a host is not told: it may be a part of a password', () => {
  const failed = errorWith({ code: 'ENOTFOUND', hostname: secret, address: secret, port: 6379 })
  assert.equal(codeOfError(failed), 'ENOTFOUND')
})

test('what a database says is told by its code, without the values', () => {
  const database = new DatabaseSync(':memory:')
  database.exec(`CREATE TABLE one (x TEXT UNIQUE); INSERT INTO one VALUES ('${secret}')`)
  const told = codeOf(() => database.exec(`INSERT INTO one VALUES ('${secret}')`))
  assert.equal(told, 'SQLITE_CONSTRAINT (2067)')
  assert.equal(
    codeOf(() => database.exec(`SELECT '${secret}' FROM ${secret}`)),
    'SQLITE_ERROR (1)',
  )
  database.close()
  assert.equal(codeOfError(errorWith({ code: '28P01' })), 'SQLSTATE 28P01 invalid_password')
  assert.equal(codeOfError(errorWith({ code: 'XX001' })), 'SQLSTATE XX001')
})

test('what Redis answers is told by its first word, when that is one of Redis', () => {
  const answered = (message: string) => codeOfError(Object.assign(new Error(message), { name: 'ReplyError' }))
  assert.equal(answered(`WRONGPASS invalid username-password pair ${secret}`), 'Redis WRONGPASS')
  assert.equal(answered(`${secret.toUpperCase()} is what I got`), 'Redis error')
})

test('the reason of the reason is told where only that has a code', () => {
  const cause = errorWith({ code: 'UND_ERR_CONNECT_TIMEOUT' })
  assert.equal(codeOfError(new TypeError(`fetch of ${secret} failed`, { cause })), 'UND_ERR_CONNECT_TIMEOUT')
  assert.equal(codeOfError(errorWith({ lastNodeError: cause })), 'UND_ERR_CONNECT_TIMEOUT')
  const circle = new Error(secret)
  circle.cause = circle
  assert.match(codeOfError(circle), /^Error at /)
})

test('of a sentence only what is known of it is told', () => {
  assert.equal(
    codeOfError(new Error('Connection terminated unexpectedly')),
    'Connection terminated unexpectedly',
  )
  const sentinels = `All sentinels are unreachable. Retrying from scratch after 9ms. Last error: ${secret}`
  assert.equal(codeOfError(new Error(sentinels)), 'All sentinels are unreachable')
})

test("an error without a code is told by its kind and place, and this program's own words as they are", () => {
  assert.equal(codeOfError(new OwnError('the metadata names no jwks_uri')), 'the metadata names no jwks_uri')
  assert.equal(codeOfError(new DOMException(secret, 'TimeoutError')), 'TimeoutError')
  const bare = codeOfError(new SyntaxError(`${secret}\n    at ${secret} (x:1:1)`))
  assert.match(bare, /^SyntaxError at .*code-of-error\.test\.ts:\d+:\d+\)?$/)
  assert.equal(codeOfError(secret), 'a thrown string')
  for (const code of [secret, `${secret} x`.toUpperCase(), 'A'.repeat(65)])
    assert.doesNotMatch(codeOfError(errorWith({ code })), /sesame|A{65}/i)
})

function codeOf(act: () => void): string {
  try {
    act()
  } catch (error) {
    return codeOfError(error)
  }
  throw new Error('nothing was thrown')
}
