import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { deny } from '../engine/decision.ts'
import { openJournal } from '../engine/outcome.ts'
import type { Principal } from '../engine/principal.ts'
import type { Ending } from '../engine/record/ending.ts'
import { createDenialRing } from './denial-ring.ts'

const stranger = { schemes: [] } as unknown as Principal
const alice = { schemes: ['bearer'], subject: 'alice' } as unknown as Principal

function denied(id: string, principal: Principal | null, detail = 'no operation has this path'): Ending {
  const trace = { traceId: '0'.repeat(32), spanId: '0'.repeat(16) }
  const peer = { address: '192.0.2.1', port: 1, encrypted: true, certificate: null }
  const journal = openJournal({ id, trace, peer, method: 'GET' } as unknown as Parameters<
    typeof openJournal
  >[0])
  journal.principal = principal
  return {
    journal,
    denial: deny('route', 'route_unknown', detail),
    status: 404,
    durationMs: 1,
    responseBytes: 0,
  }
}

function written(folder: string): readonly string[] {
  const lines = readdirSync(folder).flatMap((name) =>
    readFileSync(join(folder, name), 'utf8').trim().split('\n'),
  )
  return lines.map((line) => (JSON.parse(line) as { request_id: string }).request_id)
}

test('a flood of denied strangers pushes out no denial of a caller who is known', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-ring-'))
  try {
    const ring = createDenialRing(folder)
    for (let nth = 0; nth < 5000; nth++) ring.write(denied(`flood-${nth}`, nth % 2 === 0 ? null : stranger))
    ring.write(denied('hers', alice))
    ring.stop()
    const ids = written(folder)
    assert.equal(ids.length, 101)
    assert.ok(ids.includes('hers'))
    assert.ok(ids.includes('flood-0') && ids.includes('flood-99'))
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('strangers with long records take none of the room of a caller who is known', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-ring-'))
  try {
    const ring = createDenialRing(folder)
    // Each octet of it is written as six.
    const long = '\u0001'.repeat(512)
    for (let nth = 0; nth < 5000; nth++) ring.write(denied(`flood-${nth}`, stranger, long))
    for (let nth = 0; nth < 400; nth++) ring.write(denied(`hers-${nth}`, alice))
    ring.stop()
    const ids = written(folder)
    assert.equal(ids.filter((id) => id.startsWith('hers-')).length, 400)
    const strangers = ids.filter((id) => id.startsWith('flood-')).length
    assert.ok(strangers > 0 && strangers < 100, `${strangers} of strangers`)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('what was denied is written soon, in the order in which it came', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-ring-'))
  try {
    const ring = createDenialRing(folder)
    for (let nth = 0; nth < 60; nth++) ring.write(denied(`${nth}`, nth % 3 === 0 ? alice : null))
    const lines = () =>
      readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1))
    const deadlineMs = Date.now() + 20_000
    while (lines().length < 60 && Date.now() < deadlineMs)
      await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(lines().length, 60, 'before its end')
    ring.stop()
    assert.deepEqual(
      written(folder).toSorted((a, b) => Number(a) - Number(b)),
      [...Array(60).keys()].map(String),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})
