import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planCores } from './core-plan.ts'

test('with two cores nothing is pinned: one worker and two share both with what drives them', () => {
  assert.deepEqual(planCores(2), {
    pinned: false,
    gateways: [
      { workers: 1, cores: '0-1' },
      { workers: 2, cores: '0-1' },
    ],
    otherCores: '0-1',
    upstreamProcesses: 1,
    loaderThreads: 1,
  })
})

test('with sixteen cores one to eight workers have a core each, and what drives them the other eight', () => {
  assert.deepEqual(planCores(16), {
    pinned: true,
    gateways: [
      { workers: 1, cores: '0' },
      { workers: 2, cores: '0-1' },
      { workers: 4, cores: '0-3' },
      { workers: 8, cores: '0-7' },
    ],
    otherCores: '8-15',
    upstreamProcesses: 2,
    loaderThreads: 4,
  })
})

test('from three cores on, no core is of a gateway and of what drives it', () => {
  for (let cores = 3; cores <= 256; cores++) {
    const { gateways, otherCores } = planCores(cores)
    const [first, last] = endsOf(otherCores)
    const gatewayCores = gateways.map((gateway) => endsOf(gateway.cores))
    assert.equal(Math.max(...gatewayCores.map(([, end]) => end)), first - 1, `${cores} cores`)
    assert.equal(last, cores - 1, `${cores} cores`)
    for (const [i, [start, end]] of gatewayCores.entries())
      assert.deepEqual([start, end - start + 1], [0, gateways[i]?.workers], `${cores} cores`)
  }
})

test('one worker and two are compared however few the cores', () => {
  for (let cores = 1; cores <= 5; cores++)
    assert.deepEqual(
      planCores(cores).gateways.map(({ workers }) => workers),
      [1, 2],
      `${cores} cores`,
    )
})

function endsOf(list: string): readonly [first: number, last: number] {
  const ends = list.split('-').map(Number)
  return [ends[0] ?? Number.NaN, ends.at(-1) ?? Number.NaN]
}
