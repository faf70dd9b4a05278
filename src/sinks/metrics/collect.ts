import { type FamilyId, familyOf } from './families.ts'
import { type MetricsMemory, readSegment } from './memory.ts'

/** One series with the figures of all workers. */
export interface Sample {
  readonly family: FamilyId
  readonly labels: readonly string[]
  /** One number, or a histogram's buckets and their sum. */
  readonly cells: ArrayLike<number>
}

/** Adds the segments up, series by series. */
export function collect({ segments }: MetricsMemory): readonly Sample[] {
  const merged = new Map<string, { family: FamilyId; labels: readonly string[]; cells: Float64Array }>()
  for (const segment of segments)
    for (const { family, labels, key, cells } of readSegment(segment)) {
      const known = merged.get(key)
      if (!known) merged.set(key, { family, labels, cells: cells.slice() })
      else mergeInto(known.cells, cells, familyOf(family).merge === 'max')
    }
  return [...merged.values()]
}

function mergeInto(into: Float64Array, cells: Float64Array, greatest: boolean): void {
  for (const [index, value] of cells.entries()) {
    const before = into[index] as number
    into[index] = greatest ? Math.max(before, value) : before + value
  }
}

/** What a dead worker counted stays; what it held at the moment is no more. */
export function releaseAfterDeath({ segments }: MetricsMemory, worker: number): void {
  const segment = segments[worker]
  if (!segment) return
  for (const { family, cells } of readSegment(segment)) if (familyOf(family).type === 'gauge') cells.fill(0)
}
