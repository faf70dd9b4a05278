import type { CapPlan, LimitPlan } from '../program/program.ts'
import type { Section } from './section.ts'

/** A thread notes what it is about to lock, and has room for a few hundred; far below that each of them costs time. */
const mostOfOperation = 64

/** All limits of a program by index. Limits declared in different places are different buckets, so names are made unique. */
export class LimitTable {
  readonly limits: (LimitPlan | CapPlan)[] = []
  readonly #names = new Set<string>()

  /** Keeps a name for a limit that is none of these. */
  reserve(name: string): void {
    this.#names.add(name)
  }

  /** @param owner what the limit belongs to, used when its own name is taken */
  add(limit: LimitPlan | CapPlan, owner: string): number {
    const ofOwner = `${quotable(owner)}.${limit.name}`
    let name = this.#names.has(limit.name) ? ofOwner : limit.name
    for (let count = 2; this.#names.has(name); count++) name = `${ofOwner}.${count}`
    this.#names.add(name)
    return this.limits.push({ ...limit, name }) - 1
  }

  addAll(limits: readonly (LimitPlan | CapPlan)[], owner: string): readonly number[] {
    return limits.map((limit) => this.add(limit, owner))
  }

  checkCount(applying: readonly number[], operation: Section): void {
    if (applying.length <= mostOfOperation) return
    operation.report.error(
      'limits-too-many',
      operation.position(undefined, 'key'),
      `${applying.length} limits hold for a request, and at most ${mostOfOperation} may`,
      'take away those that others imply',
    )
  }

  /** Reports each limit whose bucket never holds what a request of the operation costs. */
  checkCost(applying: readonly number[], cost: number, operation: Section): void {
    for (const index of applying) {
      const limit = this.limits[index]
      if (!limit || !('rate' in limit) || limit.burst >= cost) continue
      operation.report.error(
        'cost-above-burst',
        operation.position(undefined, 'key'),
        `a request costs ${cost}, and the limit ${limit.name} never holds more than ${limit.burst}`,
        'lower the cost, or raise the burst',
      )
    }
  }
}

/** An operationId may hold anything; a name stands in fields, as a string (RFC 9651 3.3.3) with nothing to escape. */
function quotable(text: string): string {
  return text.toWellFormed().replace(/[^ !#-[\]-~]/gu, encodeURIComponent)
}
