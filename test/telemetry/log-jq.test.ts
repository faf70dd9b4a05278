import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parsedByJq, proveLog } from '../harness/hostile/prove-log.ts'

// `npm run prove:logs` does the same with a million.

test('jq parses every line of 50 000 hostile requests under load, over rotations and reopened files', async () => {
  const { lines, malformed, byEvent, files, statuses } = await proveLog(50_000, '1MiB')
  assert.equal(malformed, 0)
  assert.ok(lines > 50_000, String(lines))
  assert.ok(files > 20, String(files))
  for (const event of ['request', 'denied']) assert.ok((byEvent[event] ?? 0) > 5000, JSON.stringify(byEvent))
  for (const status of ['200', '400', '401', '404', '405'])
    assert.ok((statuses[status] ?? 0) > 100, JSON.stringify(statuses))
})

test('jq finds a line that is torn, and two that are one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-jq-'))
  const file = join(folder, 'gate.log')
  writeFileSync(file, '{"event":"a"}\n{"event":"a\n"}\n{"event":"a"}{"event":"a"}\n{"event":"b"}\n')
  const { good, bad } = await parsedByJq([file])
  assert.deepEqual([good, bad], [{ a: 1, b: 1 }, 3])
  rmSync(folder, { recursive: true })
})
