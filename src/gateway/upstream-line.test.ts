import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Priority } from '../program/program.ts'
import { UpstreamLine } from './upstream-line.ts'

function world(room: number, queue: number) {
  let nowMs = 0
  const told: string[] = []
  const line = new UpstreamLine(room, queue, 5, () => nowMs)
  return {
    line,
    told,
    at(ms: number) {
      nowMs = ms
    },
    come: (name: string, priority: Priority = 'normal', takes = true) =>
      line.enter({
        priority,
        admit() {
          told.push(takes ? name : `(${name})`)
          return takes
        },
        turnAway: () => told.push(`-${name}`),
      }),
  }
}

test('so many at once, then the highest rank first, each in the order of its coming', () => {
  const { line, told, come } = world(1, 10)
  come('a')
  come('b', 'low')
  come('c')
  come('d', 'critical')
  come('e')
  for (let i = 0; i < 5; i++) line.leave()
  assert.deepEqual(told, ['a', 'd', 'c', 'e', 'b'])
  assert.deepEqual([line.running, line.queued], [0, 0])
})

test('a full queue turns the newcomer away, or somebody of a lower rank for it', () => {
  const { told, come, line } = world(1, 2)
  come('a')
  come('b', 'low')
  come('c')
  come('d')
  come('e')
  come('f', 'low')
  assert.deepEqual(told, ['a', '-b', '-e', '-f'])
  assert.equal(line.queued, 2)
  line.leave()
  line.leave()
  line.leave()
})

test('in a queue that has stood for a tenth of a second, who waited more than 5 ms is turned away', () => {
  const { told, come, line, at } = world(1, 10)
  come('a')
  come('b')
  at(90)
  come('c')
  line.leave()
  assert.deepEqual(told, ['a', 'b'], 'a burst may wait')
  at(101)
  come('d')
  line.leave()
  assert.deepEqual(told, ['a', 'b', '-c', 'd'])
  line.leave()
})

test('who is withdrawn is not served, and who does not take the room leaves it to the next', () => {
  const { told, come, line } = world(1, 10)
  come('a')
  come('b')()
  come('c', 'normal', false)
  come('d')
  line.leave()
  assert.deepEqual(told, ['a', '(c)', 'd'])
  assert.deepEqual([line.running, line.queued], [1, 0])
})
