/** State of the writer in memory that outlives its thread: for metrics, and for the thread that takes its place. */
export interface TrailMemory {
  readonly cells: SharedArrayBuffer
}

const names = [
  'writable',
  'entries',
  'pending',
  'refused',
  'lost',
  'unsaid',
  'checkpointMs',
  'restarts',
] as const

export interface TrailFigures {
  /** 1 while entries can be written. */
  writable: number
  /** Entries that the store has taken since the start. */
  entries: number
  /** Notes that are kept in memory until the store takes them. */
  pending: number
  /** Intents that could not be written. */
  refused: number
  /** What happened and is not on the trail. */
  lost: number
  /** Of `lost`, what no gap on the trail tells yet. */
  unsaid: number
  /** Epoch milliseconds of the last checkpoint; 0 before the first. */
  checkpointMs: number
  /** Times that the thread was started anew. */
  restarts: number
}

export function allocateTrailFigures(): TrailMemory {
  return { cells: new SharedArrayBuffer(names.length * Float64Array.BYTES_PER_ELEMENT) }
}

/** The thread that writes has all cells; another one writes them only while there is no such thread. */
export function attachTrailFigures({ cells }: TrailMemory): TrailFigures {
  const values = new Float64Array(cells)
  const figures = {} as TrailFigures
  for (const [index, name] of names.entries())
    Object.defineProperty(figures, name, {
      get: () => values[index] ?? 0,
      set: (value: number) => {
        values[index] = value
      },
    })
  return figures
}
