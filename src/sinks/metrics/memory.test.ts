import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { collect, releaseAfterDeath, type Sample } from './collect.ts'
import { cellsOf, families } from './families.ts'
import { allocateMetrics, type MetricsMemory, readSegment, SegmentWriter } from './memory.ts'
import { attachMetrics } from './record-metrics.ts'

const figureOf = (memory: MetricsMemory, ...labels: string[]): number | undefined =>
  collect(memory).find((sample: Sample) => JSON.stringify(sample.labels) === JSON.stringify(labels))?.cells[0]

test('figures of several threads are one sum, and none is lost while they are read', async () => {
  const memory = allocateMetrics({ workers: 3 })
  const times = 200_000
  const source = `
    import { workerData } from 'node:worker_threads'
    const { attachMetrics } = await import(${JSON.stringify(import.meta.resolve('./record-metrics.ts'))})
    const metrics = attachMetrics(workerData.memory, workerData.worker)
    for (let i = 0; i < ${times}; i++) metrics.add('decisions', ['op' + (i % 100), 'record', 'allowed'], 1)
  `
  const threads = [0, 1, 2].map(
    (worker) =>
      new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
        workerData: { memory, worker },
      }),
  )
  let running = threads.length
  const ends = threads.map(
    (thread) =>
      new Promise((resolve, reject) => thread.once('exit', () => resolve(running--)).once('error', reject)),
  )
  let before = 0
  while (running > 0) {
    const sum = collect(memory).reduce((total, { cells }) => total + (cells[0] ?? 0), 0)
    assert.ok(sum >= before)
    before = sum
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await Promise.all(ends)
  for (let i = 0; i < 100; i++)
    assert.equal(figureOf(memory, `op${i}`, 'record', 'allowed'), (3 * times) / 100)
})

test('the successor of a dead worker goes on with its figures; what that held at the moment is no more', () => {
  const memory = allocateMetrics({ workers: 2 })
  const dead = attachMetrics(memory, 1)
  dead.add('limitDenials', ['per-user'], 3)
  dead.set('activeRequests', [], 7)
  releaseAfterDeath(memory, 1)
  const successor = attachMetrics(memory, 1)
  successor.add('limitDenials', ['per-user'], 2)
  successor.add('limitDenials', ['per-address'], 1)
  assert.equal(figureOf(memory, 'per-user'), 5)
  assert.equal(figureOf(memory, 'per-address'), 1)
  assert.equal(collect(memory).find(({ family }) => family === 'activeRequests')?.cells[0], 0)
})

test('what every thread tells alike is not added up', () => {
  const memory = allocateMetrics({ workers: 2 })
  for (const worker of [0, 1]) attachMetrics(memory, worker).set('operationInfo', ['list', '/things'], 1)
  assert.equal(figureOf(memory, 'list', '/things'), 1)
})

test('names of any form are kept apart', () => {
  const memory = allocateMetrics({ workers: 1 })
  const metrics = attachMetrics(memory, 0)
  const names = ['a\nb', 'a"b', 'a\\b', 'ä€😀', 'a","b', '', '\u0000', '\u2028']
  for (const [index, name] of names.entries()) metrics.add('limitDenials', [name], index + 1)
  for (const [index, name] of names.entries())
    assert.equal(figureOf(memory, name), index + 1, JSON.stringify(name))
})

test('series without room are counted as _OTHER, family by family (attack G4)', () => {
  const memory = allocateMetrics({ workers: 1 })
  const [segment] = memory.segments as [SharedArrayBuffer]
  const reserve = Object.values(families).reduce((sum, family) => sum + cellsOf(family), 0)
  const writer = new SegmentWriter(segment, { textBytes: 8192, cells: reserve + 20 })
  const places = Array.from({ length: 100 }, (_, i) =>
    writer.place('decisions', [`op${i}`, 'record', 'allowed']),
  )
  const histogram = writer.place('requestDuration', ['op', 'GET', '200'])
  assert.equal(new Set(places).size, 21)
  assert.equal(places.at(-1), writer.place('decisions', ['another', 'parse', 'malformed_request']))
  assert.ok(!places.includes(histogram))
  const named = readSegment(segment).map(({ labels }) => labels.join())
  assert.ok(named.includes('_OTHER,_OTHER,_OTHER'))
  assert.equal(named.length, 22)
})

test('no thread attaches by a number that was not allocated', () => {
  assert.throws(() => attachMetrics(allocateMetrics({ workers: 2 }), 2), RangeError)
})
