import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { RawRequest } from '../base/message.ts'
import type { Turn } from '../engine/ports.ts'
import type { Priority } from '../program/program.ts'
import { ThreadLine } from './thread-line.ts'

/** A thread whose turns take as long as is said, each with room for one request. A request of normal priority may wait 5 ms in a line that stands. */
function world(fullness = () => 0, most = 1) {
  let nowMs = 0
  const line = new ThreadLine(50, fullness, most, () => nowMs)
  const requests = new Map<string, RawRequest>()
  const told: string[] = []
  /** @returns what it is told at once; `waits` when nothing */
  function come(id: string, priority: Priority = 'normal'): Turn | 'waits' {
    const request = { id } as RawRequest
    requests.set(id, request)
    const answer = line.takeTurn(request, priority)
    if (!(answer instanceof Promise)) return answer
    void answer.then((end) => told.push(`${id} ${end}`))
    return 'waits'
  }
  async function turn(ms = 1): Promise<void> {
    nowMs += ms
    await nextTurn()
  }
  return {
    line,
    told,
    come,
    turn,
    goAway: (id: string) => line.leave(requests.get(id) as RawRequest),
    /** Makes the line stand: more come in each turn than are begun. */
    async stand() {
      for (let i = 0; i < 24; i++) {
        come(`old${i}`)
        come(`more${i}`)
        come(`most${i}`)
        await turn(6)
      }
      while (line.length > 0) await turn(0)
      told.length = 0
    },
  }
}

test('where nobody waits a request goes on at once, the next of the same turn waits for its end', async () => {
  const { line, come, told, turn } = world()
  assert.equal(come('a'), 'taken')
  assert.equal(line.length, 0)
  assert.equal(come('b'), 'waits')
  await turn()
  assert.deepEqual(told, ['b taken'])
  await turn()
  assert.equal(come('c'), 'taken')
})

test('in each turn of the loop so many are begun, at once or from the line', async () => {
  const { come, told, turn } = world(() => 0, 2)
  assert.deepEqual(
    ['a', 'b', 'c', 'd', 'e'].map((id) => come(id)),
    ['taken', 'taken', 'waits', 'waits', 'waits'],
  )
  await turn()
  assert.deepEqual(told, ['c taken', 'd taken'])
  await turn()
  assert.deepEqual(told, ['c taken', 'd taken', 'e taken'])
})

test('while somebody waits nobody goes past the line', async () => {
  const { come, told, turn } = world()
  come('a')
  for (const id of ['b', 'c', 'd']) come(id)
  await turn()
  assert.deepEqual(told, ['b taken'])
  assert.equal(come('e'), 'waits')
  await turn()
  await turn()
  assert.deepEqual(told, ['b taken', 'c taken', 'd taken'])
})

test('the highest rank comes first, the oldest first in each', async () => {
  const { come, told, turn } = world()
  come('first')
  const ids = ['low', 'normal', 'critical', 'high', 'normal', 'critical'] as const
  for (const [index, rank] of ids.entries()) come(`${rank}${index}`, rank)
  for (const _ of ids) await turn()
  const order = ['critical2', 'critical5', 'high3', 'normal1', 'normal4', 'low0']
  assert.deepEqual(
    told,
    order.map((id) => `${id} taken`),
  )
})

test('in a line that has stood for a tenth of a second the newest comes first', async () => {
  const { come, told, turn, stand } = world()
  await stand()
  come('first')
  for (const id of ['a', 'b', 'c']) come(id)
  for (let i = 0; i < 3; i++) await turn()
  assert.deepEqual(told, ['c taken', 'b taken', 'a taken'])
})

test('a line that stands turns each rank away after its time', async () => {
  const { come, told, turn, stand } = world()
  await stand()
  come('first')
  for (const rank of ['low', 'normal', 'high', 'critical'] as const)
    for (let i = 0; i < 3; i++) come(`${rank}${i}`, rank)
  await turn(6)
  assert.deepEqual(told, [
    'critical2 taken',
    'normal0 late',
    'normal1 late',
    'normal2 late',
    'low0 late',
    'low1 late',
    'low2 late',
  ])
  told.length = 0
  await turn(45)
  assert.deepEqual(told, ['critical1 taken', 'high0 late', 'high1 late', 'high2 late'])
  told.length = 0
  come('new', 'critical')
  come('newer', 'critical')
  await turn(450)
  assert.deepEqual(told, ['newer taken', 'critical0 late'])
})

test('a burst may wait, and what it brings is served in the order of its coming', async () => {
  const { come, told, turn } = world()
  for (let i = 0; i < 50; i++) come(String(i))
  for (let i = 0; i < 50; i++) await turn(1)
  assert.deepEqual(
    told,
    Array.from({ length: 49 }, (_, i) => `${i + 1} taken`),
  )
})

for (const { title, spareMs, order } of [
  { title: 'once it was empty for a tenth of the time', spareMs: 1, order: ['a', 'b', 'c'] },
  { title: 'while somebody comes as soon as it is empty', spareMs: 0, order: ['c', 'b', 'a'] },
])
  test(`newest or oldest first: ${title}`, async () => {
    const { come, told, turn, stand } = world()
    await stand()
    for (let i = 0; i < 120; i++) {
      come(`x${i}`)
      await turn(1)
      await turn(spareMs)
    }
    come('first')
    for (const id of ['a', 'b', 'c']) come(id)
    for (let i = 0; i < 3; i++) await turn()
    assert.deepEqual(
      told,
      order.map((id) => `${id} taken`),
    )
  })

test('ATTACK: the line is bounded, the newcomer gives way, or somebody of a lower rank for it', async () => {
  const { line, come, told, turn } = world()
  come('first')
  for (let i = 0; i < 1024; i++) assert.equal(come(`low${i}`, 'low'), 'waits')
  assert.equal(come('over', 'low'), 'late')
  assert.equal(line.length, 1024)
  assert.equal(come('matters', 'normal'), 'waits')
  assert.equal(line.length, 1024)
  await turn()
  assert.deepEqual(told.toSorted(), ['low0 late', 'matters taken'])
})

test('a full line that stands keeps the newest', async () => {
  const { line, come, told, turn, stand } = world()
  await stand()
  come('first')
  for (let i = 0; i < 130; i++) assert.equal(come(String(i)), 'waits')
  assert.equal(line.length, 128)
  await turn()
  assert.deepEqual(told, ['0 late', '1 late', '129 taken'])
})

test('so many are turned away in one turn at most', async () => {
  const { line, come, turn, stand } = world()
  await stand()
  come('first')
  for (let i = 0; i < 100; i++) come(String(i))
  await turn(6)
  assert.equal(line.length, 100 - 1 - 16)
})

test('who went away leaves the line and takes no turn', async () => {
  const { line, come, goAway, told, turn } = world()
  come('first')
  for (const id of ['a', 'b', 'c']) come(id)
  goAway('b')
  goAway('first')
  assert.equal(line.length, 2)
  await turn()
  await turn()
  assert.deepEqual(told, ['b gone', 'a taken', 'c taken'])
})

test('the room that is kept for higher ranks is refused at once', () => {
  const { come } = world(() => 0.8)
  assert.equal(come('a', 'normal'), 'full')
  assert.equal(come('b', 'high'), 'taken')
})

test('connections are closed only while the highest rank is turned away', async () => {
  const { line, come, turn, stand } = world()
  await stand()
  assert.equal(line.hopeless, false)
  come('first')
  come('a', 'critical')
  come('b', 'critical')
  await turn(501)
  assert.equal(line.hopeless, true)
  await turn(101)
  assert.equal(line.hopeless, false)
})
