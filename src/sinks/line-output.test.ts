import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type DroppedLines, openLineOutput } from './line-output.ts'

const maxHeld = 400
const again = Object.assign(new Error('again'), { code: 'EAGAIN' })

function reader(room: () => number) {
  let seen = ''
  const gone: string[] = []
  const output = openLineOutput({
    put(octets) {
      const taken = octets.subarray(0, room())
      if (taken.length === 0) throw again
      seen += taken.toString()
      return taken.length
    },
    droppedLine: (dropped) => `${JSON.stringify({ dropped })}\n`,
    isRequest: (line) => line.includes('request'),
    gone: (detail) => gone.push(detail),
    maxHeld,
  })
  return { output, gone, seen: () => seen }
}

const parsed = (text: string) =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { readonly event?: string; readonly dropped?: DroppedLines })

test('whatever a reader takes and when: every line is whole, in order, or counted and told', () => {
  const step = fc.oneof(
    fc.record({ lines: fc.array(fc.constantFrom('request', 'denied'), { minLength: 1, maxLength: 5 }) }),
    fc.record({ room: fc.integer({ min: 0, max: 300 }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      let room = 0
      const { output, seen, gone } = reader(() => Math.min(room, 7))
      const made = { request: 0, denied: 0 }
      for (const one of steps) {
        if ('room' in one) room = one.room
        else
          output.write(
            one.lines
              .map((event) => `${JSON.stringify({ event, nth: made[event as 'request']++ })}\n`)
              .join(''),
          )
      }
      room = 300
      output.end()
      output.end()
      const lines = parsed(seen())
      const count = (event: string) => lines.filter((line) => line.event === event).length
      const { requests, events } = output.dropped
      assert.deepEqual({ request: count('request') + requests, denied: count('denied') + events }, made)
      assert.deepEqual(gone, [])
    }),
  )
})

test('lines of requests that passed are let go before denials and events, which is told once there is room', async () => {
  let room = 0
  const { output, seen } = reader(() => room)
  const lines = (event: string, count: number) => `${JSON.stringify({ event })}\n`.repeat(count)
  output.write(lines('request', 30))
  output.write(lines('denied', 15))
  assert.ok(output.dropped.requests > 0)
  assert.equal(output.dropped.events, 0)
  output.write(lines('denied', 100))
  assert.ok(output.dropped.events > 50)
  room = 1000
  await new Promise((resolve) => setTimeout(resolve, 60))
  const told = parsed(seen()).at(-1)?.dropped
  assert.deepEqual(told, output.dropped)
})

test('lines of requests that are held make way for denials and events, but for what is half written', async () => {
  let rooms = [5]
  const { output, seen } = reader(() => rooms.shift() ?? 0)
  const lines = (event: string, count: number) => `${JSON.stringify({ event })}\n`.repeat(count)
  output.write(lines('request', 2))
  output.write(lines('request', 8))
  output.write(lines('denied', 4) + lines('request', 6))
  assert.equal(output.dropped.requests, 0)
  output.write(lines('denied', 35))
  assert.equal(output.dropped.requests, 14)
  assert.equal(output.dropped.events, 0)
  rooms = Array.from({ length: 100 }, () => 1000)
  await new Promise((resolve) => setTimeout(resolve, 60))
  const events = parsed(seen()).map(({ event }) => event)
  assert.equal(events.filter((event) => event === 'denied').length, 39)
  assert.deepEqual(events.slice(0, 2), ['request', 'request'])
  assert.deepEqual(parsed(seen()).at(-1)?.dropped, output.dropped)
})

test('where nobody will ever read again it is said once, and what is lost is counted', () => {
  const gone: string[] = []
  const output = openLineOutput({
    put() {
      throw Object.assign(new Error('pipe'), { code: 'EPIPE' })
    },
    droppedLine: () => '',
    isRequest: (line) => line.includes('request'),
    gone: (detail) => gone.push(detail),
  })
  output.write('{"event":"request"}\n{"event":"denied"}\n')
  output.write('{"event":"request"}\n')
  output.end()
  assert.deepEqual([gone.length, output.dropped], [1, { requests: 2, events: 1 }])
})
