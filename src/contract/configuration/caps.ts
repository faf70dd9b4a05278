import type { CapPlan } from '../../program/program.ts'
import type { Section } from '../section.ts'

const maxConcurrent = 1_000_000

/** What is said of buckets, and means nothing of a cap. */
const ofRates = ['rate', 'burst', 'lease', 'onStoreFault'] as const

/** Reads `concurrent`, which stands in place of a rate. A cap is each process's own, so no other mode is promised. */
export function readConcurrent(section: Section): CapPlan['concurrent'] | undefined {
  for (const key of ofRates)
    if (section.has(key))
      section.problem(
        key,
        'cap-and-rate',
        `a limit is a rate or a cap, and ${key} belongs to a rate`,
        'leave it out, or write two limits',
      )
  const mode = section.choice('mode', ['exact', 'leased', 'local'] as const)
  if (mode === 'exact' || mode === 'leased')
    section.problem(
      'mode',
      'cap-local',
      `requests in flight are counted in each gateway by itself, and are not ${mode} over several`,
      'leave mode out, and write the share of one gateway',
    )
  return section.integer('concurrent', 1, maxConcurrent)
}
