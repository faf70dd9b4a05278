import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { PaceWatch } from './body-pace.ts'

/** A watch that runs, on a clock in hand. */
function watched({ mock }: TestContext) {
  let nowMs = 0
  let slow = 0
  const now = mock.method(performance, 'now', () => nowMs)
  mock.timers.enable({ apis: ['setTimeout'] })
  const watch = new PaceWatch({ graceMs: 100, bytesPerSecond: 1000 }, () => slow++)
  watch.run()
  return {
    watch,
    slow: () => slow,
    looks: () => now.mock.callCount(),
    pass(ms: number) {
      nowMs += ms
      mock.timers.tick(ms)
    },
  }
}

test('a body has its grace and the time that its octets take at the slowest rate; rest does not count', (t) => {
  const { watch, slow, pass } = watched(t)
  watch.received(50)
  pass(149)
  assert.equal(slow(), 0)
  watch.rest()
  pass(1000)
  watch.run()
  assert.equal(slow(), 0)
  pass(2)
  assert.equal(slow(), 1)
})

test('a body that has earned more time than a timer holds is looked at when the timer ends, not all the while', (t) => {
  const { watch, slow, looks, pass } = watched(t)
  watch.received(3_000_000_000)
  pass(100)
  const before = looks()
  pass(60_000)
  assert.equal(looks(), before)
  pass(2 ** 31)
  assert.equal(slow(), 0)
  pass(3_000_000_000 - 2 ** 31)
  assert.equal(slow(), 1)
})
