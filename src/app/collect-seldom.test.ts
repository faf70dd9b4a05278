import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const module = new URL('collect-seldom.ts', import.meta.url).href

/** Keeps all it makes, as a gateway does that starts; V8 tells what it learns from that. */
function learnt(before: string): string {
  const program = `
    import { collectSeldom } from '${module}'
    ${before}
    const make = (i) => ({ i, held: [i, i + 1, i + 2] })
    const kept = []
    for (let i = 0; i < 1_000_000; i++) kept.push(make(i))`
  const flags = ['--max-semi-space-size=1', '--trace-pretenuring-statistics', '--input-type=module']
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, '--eval', program], { encoding: 'utf8' })
  assert.equal(stderr, '', 'V8 says so when it does not know a flag')
  return stdout
}

test('no place in the code makes its objects among the old ones', () => {
  assert.match(learnt(''), /AllocationSite.*=> tenure/)
  assert.doesNotMatch(learnt('collectSeldom()'), /AllocationSite.*=> tenure/)
})
