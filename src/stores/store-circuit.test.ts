import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { StoreCircuit, type StoreEvent } from './store-circuit.ts'

/** @param onBeat may answer how many gateways there are */
async function opened(context: TestContext, onBeat: (beat: number) => Promise<unknown>, knownGateways = 0) {
  const events: StoreEvent[] = []
  let beats = 0
  const { promise: up, resolve: onReady } = Promise.withResolvers<void>()
  const circuit = new StoreCircuit({
    async probe() {
      return Number((await onBeat(++beats)) ?? 1)
    },
    knownGateways,
    deadlineMs: 50,
    onEvent: (event) => events.push(event),
    onReady,
  })
  circuit.connected()
  // Timers of the circuit do not keep a process alive.
  const awake = setInterval(() => {}, 1000)
  context.after(() => {
    circuit.stop()
    clearInterval(awake)
  })
  await up
  return { circuit, events }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test('failures in a row end at a sign of life that is answered in time', async (context) => {
  const second = Promise.withResolvers<void>()
  const { circuit, events } = await opened(context, async (beat) => {
    if (beat === 2) second.resolve()
  })
  circuit.failed('late')
  circuit.failed('late')
  await second.promise
  await pause(1)
  circuit.failed('late')
  assert.equal(circuit.up, true)
  circuit.failed('late')
  circuit.failed('late')
  assert.equal(circuit.up, false)
  assert.deepEqual(
    events.map(({ event }) => event),
    ['store_lost'],
  )
})

test('an answer that came while this thread was busy is not late', async (context) => {
  const second = Promise.withResolvers<void>()
  const { circuit } = await opened(context, async (beat) => {
    if (beat !== 2) return
    const answer = pause(60)
    second.resolve()
    const endMs = performance.now() + 80
    while (performance.now() < endMs);
    await answer
  })
  circuit.failed('late')
  circuit.failed('late')
  await second.promise
  await pause(20)
  assert.equal(circuit.up, true)
})

test('a sign of life that is late, and fails in the end, is one failure', async (context) => {
  const failed = Promise.withResolvers<void>()
  const { circuit } = await opened(context, async (beat) => {
    if (beat !== 2) return
    await pause(100)
    setImmediate(failed.resolve)
    throw new Error('gone')
  })
  circuit.failed('late')
  await failed.promise
  assert.equal(circuit.up, true)
  circuit.failed('late')
  assert.equal(circuit.up, false)
})

test('connections that do not last put the next probe off no further', async (context) => {
  const second = Promise.withResolvers<void>()
  const { circuit, events } = await opened(context, async (beat) => {
    if (beat === 2) second.resolve()
  })
  // The middle of what is drawn: longer than a connection lasts.
  context.mock.method(Math, 'random', () => 0.5)
  circuit.disconnected('closed')
  const unsteady = setInterval(() => {
    circuit.connected()
    circuit.disconnected('closed')
  }, 10)
  context.after(() => clearInterval(unsteady))
  await Promise.race([second.promise, pause(20_000).then(() => assert.fail('nobody asks'))])
  await pause(1)
  assert.ok(events.some(({ event }) => event === 'store_back'))
})

test('whoever finds the store back first does not take itself for the only gateway; whoever is no more leaves in time', async (context) => {
  const beaten = [0, 1, 2, 3, 4].map(() => Promise.withResolvers<void>())
  const { circuit, events } = await opened(context, async (beat) => {
    beaten[beat]?.resolve()
    return [0, 3, 1, 1, 2][beat]
  })
  const seen = async (beat: number) => {
    await beaten[beat]?.promise
    await pause(1)
    return circuit.gateways
  }
  assert.equal(await seen(1), 3)
  circuit.disconnected('closed')
  assert.equal(await seen(2), 3)
  assert.deepEqual(
    events.map((event) => ('gateways' in event ? event.gateways : event.event)),
    ['store_lost', 3],
  )
  circuit.disconnected('closed')
  const now = performance.now.bind(performance)
  assert.equal(await seen(3), 3)
  context.mock.method(performance, 'now', () => now() + 10_000)
  assert.equal(await seen(4), 2)
})

test('a worker that takes the place of another while the store returns goes on with the number it was told, too', async (context) => {
  const { circuit } = await opened(context, async () => 1, 3)
  assert.equal(circuit.up, true)
  assert.equal(circuit.gateways, 3)
})
