import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { PaceWatch } from './body-pace.ts'

test('a body has its grace and the time that its octets take at the slowest rate; rest does not count', (t) => {
  t.after(() => mock.timers.reset())
  let nowMs = 0
  mock.method(performance, 'now', () => nowMs)
  mock.timers.enable({ apis: ['setTimeout'] })
  const pass = (ms: number) => {
    nowMs += ms
    mock.timers.tick(ms)
  }
  let slow = 0
  const watch = new PaceWatch({ graceMs: 100, bytesPerSecond: 1000 }, () => slow++)
  watch.run()
  watch.received(50)
  pass(149)
  assert.equal(slow, 0)
  watch.rest()
  pass(1000)
  watch.run()
  assert.equal(slow, 0)
  pass(2)
  assert.equal(slow, 1)
})
