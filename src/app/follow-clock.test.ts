import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { allocateCounters, attachDesk } from '../stores/counters-memory.ts'
import { followClock } from './follow-clock.ts'

/** Both clocks of the machine: one that is set, and one that is not. */
function world() {
  const machine = { wallMs: 1_790_000_000_000, steadyMs: 5000, apartMs: 0 }
  const wall = mock.method(Date, 'now', () => machine.wallMs)
  const steady = mock.method(performance, 'now', () => {
    machine.steadyMs += machine.apartMs
    return machine.steadyMs
  })
  const memory = allocateCounters({ keys: 10, workers: 1 })
  const desk = attachDesk(memory)
  const look = followClock(memory)
  return {
    machine,
    pass(ms: number, setMs = 0) {
      machine.wallMs += ms + setMs
      machine.steadyMs += ms
      look()
      return desk.setBackMs[0]
    },
    end() {
      wall.mock.restore()
      steady.mock.restore()
    },
  }
}

test('a clock that is set back is told of, by how much it was; one that is set ahead is not', () => {
  const { pass, end } = world()
  assert.equal(pass(1000), 0)
  assert.equal(pass(1000, -3_600_000), 3_600_000)
  assert.equal(pass(1000), 3_600_000)
  assert.equal(pass(1000, 7_200_000), 3_600_000)
  assert.equal(pass(1000, -500), 3_600_500)
  end()
})

test('steps that are too small to be told from the wait between two readings add up', () => {
  const { pass, end } = world()
  assert.equal(pass(1000, -60), 0)
  assert.equal(pass(1000, -60), 120)
  assert.equal(pass(1000, -60), 120)
  end()
})

test('a process that did not run between its two readings believes neither', () => {
  const { machine, pass, end } = world()
  machine.apartMs = 5000
  assert.equal(pass(1000), 0)
  machine.apartMs = 0
  machine.wallMs += 10_000
  assert.equal(pass(1000), 0)
  assert.equal(pass(1000, -1000), 1000)
  end()
})
