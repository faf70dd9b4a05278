import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { type Channel, openChannel } from './channel.ts'
import { endSilent, type Silence } from './end-silent.ts'

const silence: Silence = { lookEveryMs: 50, looks: 20 }

type Calls = { status: () => { unready: string[]; inFlight: number }; hang: (ms: number) => void }

/** A real thread, which answers until it is told to hang. */
function startOne() {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
     parentPort.on('message', ({ id, name, args }) => {
       for (const endMs = Date.now() + (name === 'hang' ? args[0] : 0); Date.now() < endMs; );
       if (id !== null) parentPort.postMessage({ kind: 'result', id, value: { unready: [], inFlight: 0 } })
     })`,
    { eval: true },
  )
  const channel: Channel<Calls> = openChannel(worker, {})
  const ended = new Promise<string>((resolve) => {
    worker.once('exit', () => {
      channel.close('it has ended')
      resolve('ended')
    })
  })
  const thread = {
    status: () => channel.call('status'),
    end: async () => void (await worker.terminate()),
    ended,
  }
  return { thread, channel }
}

test('a thread that never answers again is ended, whatever it does', async () => {
  const { thread, channel } = startOne()
  await thread.status()
  const wasSilent = endSilent(thread, silence)
  channel.tell('hang', Number.POSITIVE_INFINITY)
  assert.equal(await thread.ended, 'ended')
  assert.equal(wasSilent(), true)
})

test('a thread that answers late is left alone, and so is one that ends by itself', async () => {
  const { thread, channel } = startOne()
  await thread.status()
  const wasSilent = endSilent(thread, silence)
  for (let turn = 0; turn < 3; turn++) await channel.call('hang', 2 * silence.lookEveryMs)
  await new Promise((resolve) => setTimeout(resolve, 2 * silence.lookEveryMs * silence.looks))
  assert.equal(wasSilent(), false)
  await thread.end()
  assert.equal(wasSilent(), false)
})
