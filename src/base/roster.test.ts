import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Roster } from './roster.ts'

test('a roster holds what a set would hold, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(7))), (steps) => {
      const members = Array.from({ length: 8 }, () => ({ place: -1 }))
      const roster = new Roster<{ place: number }>()
      const expected = new Set<{ place: number }>()
      for (const [comes, index] of steps) {
        const member = members[index] as { place: number }
        if (comes) roster.add(member)
        else roster.delete(member)
        if (comes) expected.add(member)
        else expected.delete(member)
      }
      assert.equal(roster.size, expected.size)
      assert.deepEqual(new Set(roster), expected)
    }),
  )
})
