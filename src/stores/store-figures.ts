/** What is counted of the store of limits, by worker, in memory that the threads of a process share. */
const names = [
  'up',
  'gateways',
  'answered',
  'late',
  'failed',
  'skipped',
  'leased',
  'borrowed',
  'local',
  'deny',
  'allow',
] as const
export type StoreFigure = (typeof names)[number]

export interface StoreFiguresMemory {
  readonly workers: number
  readonly values: SharedArrayBuffer
}

export type StoreFigures = { readonly [name in StoreFigure]: number }

export function allocateStoreFigures(workers: number): StoreFiguresMemory {
  return { workers, values: new SharedArrayBuffer(8 * names.length * workers) }
}

/** The figures of one worker, which nobody else writes. */
export class WorkerFigures {
  readonly #values: Float64Array

  constructor({ values }: StoreFiguresMemory, worker: number) {
    this.#values = new Float64Array(values, 8 * names.length * worker, names.length)
  }

  add(name: StoreFigure, count = 1): void {
    const at = names.indexOf(name)
    this.#values[at] = (this.#values[at] as number) + count
  }

  set(name: StoreFigure, value: number): void {
    this.#values[names.indexOf(name)] = value
  }
}

/** Of the whole process: whether all workers reach the store, the gateways as last known, and sums. */
export function readStoreFigures({ workers, values }: StoreFiguresMemory): StoreFigures {
  const all = new Float64Array(values)
  const of = (name: StoreFigure) =>
    Array.from({ length: workers }, (_, worker) => all[worker * names.length + names.indexOf(name)] as number)
  const read = (name: StoreFigure) => {
    if (name === 'up') return Math.min(...of(name))
    if (name === 'gateways') return Math.max(...of(name))
    return of(name).reduce((sum, one) => sum + one, 0)
  }
  return Object.fromEntries(names.map((name) => [name, read(name)])) as StoreFigures
}
