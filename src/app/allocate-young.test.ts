import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

const module = new URL('allocate-young.ts', import.meta.url).href

/** Keeps all it makes, as a gateway does that starts; V8 tells what it learns from that. */
function learnt(before: string): string {
  const program = `
    import { allocateYoung } from '${module}'
    ${before}
    const make = (i) => ({ i, held: [i, i + 1, i + 2] })
    const kept = []
    for (let i = 0; i < 1_000_000; i++) kept.push(make(i))`
  const flags = ['--max-semi-space-size=1', '--trace-pretenuring-statistics', '--input-type=module']
  return execFileSync(process.execPath, [...flags, '--eval', program], { encoding: 'utf8' })
}

test('no place in the code makes its objects among the old ones', () => {
  assert.match(learnt(''), /AllocationSite.*=> tenure/)
  assert.doesNotMatch(learnt('allocateYoung()'), /AllocationSite/)
})
