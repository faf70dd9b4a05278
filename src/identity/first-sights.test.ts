import assert from 'node:assert/strict'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { createFirstSights } from './first-sights.ts'

function work(forMs: number): number {
  const startedMs = performance.now()
  while (performance.now() - startedMs < forMs);
  return forMs
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A clock that stands still but for what is done. */
function stoppedClock() {
  let nowMs = 0
  return {
    clock: () => nowMs,
    spend: (ms: number) => {
      nowMs += ms
    },
  }
}

test('what fits in a turn is answered at once, what does not in later turns, in the order of asking', async () => {
  const { clock, spend } = stoppedClock()
  const sights = createFirstSights(1, 100, clock)
  const seen: number[] = []
  const answers = Array.from({ length: 6 }, (_, index) =>
    sights.take(() => {
      seen.push(index)
      spend(0.6)
    }),
  )
  assert.deepEqual(seen, [0, 1], 'what crosses the bound is the last')
  assert.deepEqual(
    answers.map((one) => one instanceof Promise),
    [false, false, true, true, true, true],
  )
  await turn()
  assert.deepEqual(seen, [0, 1, 2, 3])
  assert.ok(sights.take(() => 0) instanceof Promise, 'nobody passes those that wait')
  await Promise.all(answers)
  assert.deepEqual(seen, [0, 1, 2, 3, 4, 5])
  for (let turns = 0; turns < 3; turns++) await turn()
  assert.equal(
    sights.take(() => 7),
    7,
    'a new turn has its whole budget',
  )
})

test('one that takes longer than a turn may is taken all the same, one a turn', async () => {
  const { clock, spend } = stoppedClock()
  const sights = createFirstSights(0.1, 100, clock)
  let taken = 0
  const all = Array.from({ length: 3 }, () =>
    sights.take(() => {
      taken++
      spend(0.3)
    }),
  )
  assert.equal(taken, 1)
  await turn()
  assert.equal(taken, 2)
  await Promise.all(all)
  assert.equal(taken, 3)
})

test('those that something released all together are answered a few a turn, however little each takes', async () => {
  const sights = createFirstSights(0.25, 100, stoppedClock().clock)
  let taken = 0
  const all = Array.from({ length: 20 }, () => sights.queue(() => taken++))
  assert.equal(taken, 0)
  await turn()
  assert.ok(taken > 0 && taken <= 3, `${taken}`)
  await Promise.all(all)
  assert.equal(taken, 20)
})

test('where all else keeps a turn for long, first sights may keep it as long, up to 2 ms', async () => {
  for (const [othersMs, expected] of [
    [0, 1],
    [1, 3],
    [50, 6],
  ] as const) {
    const { clock, spend } = stoppedClock()
    const sights = createFirstSights(0.25, 100, clock)
    let taken = 0
    const all = Array.from({ length: 20 }, () =>
      sights.queue(() => {
        taken++
        spend(0.25)
      }),
    )
    spend(othersMs)
    await turn()
    assert.equal(taken, expected, `beside ${othersMs} ms`)
    await Promise.all(all)
  }
})

test('the queue is bounded: beyond it nothing is taken, and there is room again when it is drained', async () => {
  const sights = createFirstSights(0.1, 2)
  const held = Array.from({ length: 4 }, () => sights.take(() => work(0.2)))
  assert.deepEqual(
    held.map((one) => one === null),
    [false, false, false, true],
  )
  await Promise.all(held)
  await turn()
  await turn()
  assert.notEqual(
    sights.take(() => 1),
    null,
  )
})

test('a socket is served between the first sights of others, however many wait', async () => {
  const sights = createFirstSights(0.25, 1000)
  let done = 0
  const server = createServer((socket) => socket.end(String(done)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { readonly port: number }
  const flood = Promise.all(Array.from({ length: 400 }, () => sights.take(() => done++ + work(0.5))))
  const told = await new Promise<string>((resolve) => {
    connect(port, '127.0.0.1').on('data', (chunk) => resolve(String(chunk)))
  })
  assert.ok(Number(told) < 200, `${told} of 400 had been before it`)
  await flood
  server.close()
})
