import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ask } from '../harness/ask.ts'
import { startGate, type TestGate } from '../harness/gate.ts'
import { metric } from '../harness/metric.ts'
import { until } from '../harness/until.ts'
import { fillDisk } from './fill-disk.ts'

// Quotas of a day under a small tmpfs that is really full.

test('a full disk: limits go on in memory, it is told, the file stays whole; with space again it is saved', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-test-'))
  const disk = join(folder, 'disk')
  mkdirSync(disk)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk], { encoding: 'utf8' })
  assert.equal(mounted.status, 0, mounted.stderr)
  const state = join(disk, 'state')
  const file = join(state, 'quotas.bin')
  const options = {
    more: `stateDir: ${JSON.stringify(state)}`,
    limits: '[{ name: daily, by: subject, rate: 5/day }]',
  }
  let gate: TestGate | null = null
  try {
    gate = await startGate(options)
    const serving = gate
    const statuses = async (sub: string, count: number) => {
      const token = await serving.issuer.token({ sub })
      const got: number[] = []
      for (let nth = 0; nth < count; nth++) got.push((await ask(serving, '/things', { token })).status)
      return got
    }
    assert.deepEqual(await statuses('before', 3), [200, 200, 200])
    await until(
      () => readdirSync(disk).includes('state') && readdirSync(state).includes('quotas.bin'),
      'saved',
    )
    assert.equal(await metric(gate, 'portcullis_limit_quotas_saved'), 1)
    const before = readFileSync(file)
    fillDisk(join(disk, 'ballast'))
    assert.deepEqual(await statuses('meanwhile', 6), [200, 200, 200, 200, 200, 429])
    const told = await gate.logged(({ event }) => event === 'quotas_unsaved')
    assert.match(String(told.detail), /ENOSPC/)
    assert.equal(await metric(gate, 'portcullis_limit_quotas_saved'), 0)
    assert.deepEqual(readFileSync(file), before)
    assert.deepEqual(
      readdirSync(state).filter((name) => name.startsWith('quotas')),
      ['quotas.bin'],
      'nothing half-written is left',
    )
    assert.deepEqual(await statuses('before', 3), [200, 200, 429])
    rmSync(join(disk, 'ballast'))
    await gate.logged(({ event }) => event === 'quotas_saved')
    assert.equal(await metric(gate, 'portcullis_limit_quotas_saved'), 1)
    assert.notDeepEqual(readFileSync(file), before)
    const unsaved = gate.log.filter(({ event }) => event === 'quotas_unsaved').length
    assert.equal(unsaved, 1, 'said once')
  } finally {
    await gate?.stop()
    spawnSync('umount', ['-l', disk])
    rmSync(folder, { recursive: true })
  }
})
