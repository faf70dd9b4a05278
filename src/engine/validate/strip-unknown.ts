import { type Cuts, cutMembers } from '../../base/cut-members.ts'
import { pointerStep } from '../../base/fault-pointer.ts'
import { isJsonObject } from '../../base/json.ts'
import { unknownField } from '../../schema/faults.ts'
import type { Validator } from '../../schema/validator.ts'

const maxListed = 65_536
const maxRounds = 8

/**
 * Cuts out of a JSON text every member that its schema does not let be there. Takes rounds: under a composition the
 * names that are unknown are told only once everything else is right.
 *
 * @param value what `bytes` read as; members are deleted from it
 * @returns null when something else is wrong: INVARIANT: what is returned was checked as a whole after the last cut
 */
export function stripUnknown(
  validator: Validator,
  value: unknown,
  bytes: Uint8Array,
): { readonly bytes: Uint8Array; readonly members: number } | null {
  const cuts: Cuts = new Map()
  let members = 0
  for (let round = 0; round < maxRounds; round++) {
    const unknown = validator
      .faults(value, maxListed)
      .filter(({ message, pointer }) => message === unknownField && pointer !== '')
    if (unknown.length === 0) return null
    for (const { pointer } of unknown) {
      const removed = remove(value, pointer.slice(1).split('/'), cuts)
      if (removed === null) return null
      members += removed
    }
    if (validator.check(value)) return { bytes: cutMembers(bytes, cuts), members }
  }
  return null
}

/** @returns how many members went, 0 when it was gone already; null when the steps could mean another member too */
function remove(value: unknown, steps: readonly string[], cuts: Cuts): number | null {
  let parent = value
  let within = cuts
  for (const step of steps.slice(0, -1)) {
    const name = nameOf(parent, step)
    if (name === null) return null
    const inner = within.get(step)
    if (inner === null) return 0
    const next: Cuts = inner ?? new Map()
    if (!inner) within.set(step, next)
    within = next
    parent = (parent as Record<string, unknown>)[name]
  }
  const last = steps.at(-1) as string
  if (within.get(last) === null) return 0
  const name = isJsonObject(parent) ? nameOf(parent, last) : null
  if (name === null) return null
  delete (parent as Record<string, unknown>)[name]
  within.set(last, null)
  return 1
}

/** Steps of faults are cut when they are long, so that two names may be spelled alike. */
function nameOf(parent: unknown, step: string): string | null {
  if (Array.isArray(parent)) return step
  if (!isJsonObject(parent)) return null
  if (Object.hasOwn(parent, step) && pointerStep(step) === step && !step.endsWith('…')) return step
  const meant = Object.keys(parent).filter((name) => pointerStep(name) === step)
  return meant.length === 1 ? (meant[0] as string) : null
}
