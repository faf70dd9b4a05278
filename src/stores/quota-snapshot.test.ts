import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { keyNamed } from '../../test/harness/key-named.ts'
import type { Draw, Taken } from '../engine/ports.ts'
import type { LimitPlan } from '../program/program.ts'
import { allocateCounters } from './counters-memory.ts'
import { attachCounters, type MemoryCounters } from './memory-counters.ts'
import { loadQuotas, ownerOfFile, saveQuotas } from './quota-file.ts'
import { restoreQuotas, snapshotQuotas } from './quota-snapshot.ts'

const plan = (name: string, rate: number, days: number): LimitPlan => ({
  name,
  by: [{ property: 'address' }],
  rate,
  windowSeconds: days * 86_400,
  burst: rate,
  ipv6PrefixBits: 64,
})
const daily = plan('daily', 5, 1)
const monthly = plan('monthly', 9, 30)
const startMs = 1_800_000_000_000
const options = { keys: 100, workers: 1 }
const drawsOf = (key: number, cost = 1): readonly Draw[] =>
  [daily, monthly].map((limit) => ({ limit, key: keyNamed(`k${key}`), cost }))
const takeAt = (counters: MemoryCounters, draws: readonly Draw[], atMs: number) =>
  counters.take(draws, atMs) as Taken

async function saved(memory: ReturnType<typeof allocateCounters>, atMs: number): Promise<Uint8Array> {
  const parts = await snapshotQuotas(memory, new Uint8Array(16).fill(7), atMs)
  assert.ok(parts)
  return new Uint8Array(Buffer.concat(parts))
}

test('restored counters answer every take as those that were saved', async () => {
  const asked = fc.record({
    waitMs: fc.integer({ min: 0, max: 20_000_000 }),
    key: fc.integer({ min: 0, max: 60 }),
    cost: fc.integer({ min: 0, max: 3 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(asked, { minLength: 1, maxLength: 200 }), async (requests) => {
      const [before, after] = [allocateCounters(options), allocateCounters(options)]
      const [counters, others] = [attachCounters(before, 0), attachCounters(after, 0)]
      let nowMs = startMs
      for (const { waitMs, key, cost } of requests) {
        nowMs += waitMs
        takeAt(counters, drawsOf(key, cost), nowMs)
      }
      assert.equal(restoreQuotas(after, await saved(before, nowMs), nowMs), null)
      for (const limit of [daily, monthly])
        assert.equal(others.mayDeny?.(limit, nowMs), counters.mayDeny?.(limit, nowMs))
      for (let round = 0; round < 3; round++)
        for (let key = 0; key <= 60; key++) {
          const [one, other] = [counters, others].map((each) => takeAt(each, drawsOf(key), nowMs)) as [
            Taken,
            Taken,
          ]
          assert.equal(other.allowed, one.allowed)
          const bare = ({ states }: Taken) => states.map(({ backOffMs: _, ...rest }) => rest)
          assert.deepEqual(bare(other), bare(one))
        }
    }),
    { numRuns: 30 },
  )
})

const passing = (counters: MemoryCounters, limit: LimitPlan, atMs: number) =>
  Array.from({ length: 20 }, () => takeAt(counters, [{ limit, key: keyNamed('k'), cost: 1 }], atMs)).filter(
    ({ allowed }) => allowed,
  ).length

async function spentThenRestored(atMs: number, limit: LimitPlan = daily): Promise<number> {
  const [before, after] = [allocateCounters(options), allocateCounters(options)]
  const counters = attachCounters(before, 0)
  for (let nth = 0; nth < 3; nth++) takeAt(counters, [{ limit: daily, key: keyNamed('k'), cost: 1 }], startMs)
  assert.equal(restoreQuotas(after, await saved(before, startMs), atMs), null)
  return passing(attachCounters(after, 0), limit, atMs)
}

const dayMs = 86_400_000

test('a clock that is a month back after a restart gives nobody tokens and holds nobody back for longer', async () => {
  assert.equal(await spentThenRestored(startMs), 2)
  assert.equal(await spentThenRestored(startMs - 30 * dayMs), 2)
})

test('time that passed between two runs gives back what it gives back otherwise', async () => {
  assert.equal(await spentThenRestored(startMs + dayMs / 5 + 1), 3)
  assert.equal(await spentThenRestored(startMs + 30 * dayMs), 5)
})

test('a limit whose numbers changed keeps what its buckets owe in time; one of another name starts full', async () => {
  // Three of five tokens a day are three fifths of a day: six of ten.
  assert.equal(await spentThenRestored(startMs, plan('daily', 10, 1)), 4)
  assert.equal(await spentThenRestored(startMs, plan('another', 5, 1)), 5)
})

test('limits shorter than a day are not saved', async () => {
  const memory = allocateCounters(options)
  const short = { ...plan('short', 2, 1), windowSeconds: 3600 }
  takeAt(attachCounters(memory, 0), [{ limit: short, key: keyNamed('k'), cost: 1 }], startMs)
  const after = allocateCounters(options)
  assert.equal(restoreQuotas(after, await saved(memory, startMs), startMs), null)
  assert.equal(passing(attachCounters(after, 0), short, startMs), 2)
})

test('a file with any octet changed, any end cut off, of another size or version is refused, and changes nothing', async () => {
  const memory = allocateCounters(options)
  const counters = attachCounters(memory, 0)
  for (let key = 0; key < 3; key++) takeAt(counters, drawsOf(key), startMs)
  const whole = await saved(memory, startMs)
  const fresh = allocateCounters(options)
  const secret = [...fresh.secret]
  for (let at = 0; at < whole.length; at++) {
    const changed = new Uint8Array(whole)
    changed[at] = (changed[at] as number) ^ 0x41
    assert.notEqual(restoreQuotas(fresh, changed, startMs), null, `octet ${at}`)
    assert.notEqual(restoreQuotas(fresh, whole.subarray(0, at), startMs), null, `cut at ${at}`)
  }
  assert.match(
    String(restoreQuotas(allocateCounters({ ...options, keys: 200 }), whole, startMs)),
    /another size/,
  )
  assert.deepEqual([...fresh.secret], secret)
  assert.equal(await attachCounters(fresh, 0).countLive(startMs), 0)
})

test('a bad file is kept aside; a folder or a pipe in its place, and what cannot be written, is told', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'quotas-'))
  try {
    const file = join(folder, 'state', 'quotas.bin')
    const memory = allocateCounters(options)
    const problem = (into = memory) => loadQuotas(into, file, startMs).problem
    assert.deepEqual(loadQuotas(memory, file, startMs), { problem: null, owner: null })
    takeAt(attachCounters(memory, 0), drawsOf(1), startMs)
    const octets = await saved(memory, startMs)
    assert.equal(await saveQuotas(file, [octets.subarray(0, 90), octets.subarray(90)]), null)
    assert.deepEqual(new Uint8Array(readFileSync(file)), octets)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.equal(await ownerOfFile(file), '07'.repeat(16))
    writeFileSync(`${file}.of-one-that-was-killed.new`, 'half')
    assert.deepEqual(loadQuotas(allocateCounters(options), file, startMs), {
      problem: null,
      owner: '07'.repeat(16),
    })
    writeFileSync(file, 'no snapshot')
    assert.equal(await ownerOfFile(file), null)
    assert.match(String(problem()), /quotas\.bin: its length is wrong; kept as /)
    assert.equal(readFileSync(`${file}.bad`, 'utf8'), 'no snapshot')
    assert.deepEqual(readdirSync(join(folder, 'state')), ['quotas.bin.bad'])
    rmSync(`${file}.bad`)
    mkdirSync(file)
    assert.match(String(await saveQuotas(file, [new Uint8Array(1)])), /EISDIR/)
    assert.match(String(problem()), /it is no file; kept as /)
    rmSync(`${file}.bad`, { recursive: true })
    execFileSync('mkfifo', [file])
    assert.equal(await ownerOfFile(file), null)
    assert.match(String(problem()), /it is no file; kept as /)
    assert.match(String(await saveQuotas('/dev/full/quotas.bin', [new Uint8Array(1)])), /ENOTDIR|EEXIST/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
