import { cellsOf, type FamilyId, families, familyOf } from './families.ts'

/**
 * The figures of all worker threads, in memory they share. Each worker writes a segment of its own and reads none, so
 * nothing is locked and no figure is lost; whoever is asked for them adds the segments up.
 */
export interface MetricsMemory {
  /** One a worker: a word that says how much text there is, texts that name series, then their cells. */
  readonly segments: readonly SharedArrayBuffer[]
}

/** One series of a segment. */
export interface Series {
  readonly family: FamilyId
  readonly labels: readonly string[]
  /** The series' name as it stands in the segment: the same in every thread. */
  readonly key: string
  readonly cells: Float64Array
}

const headerBytes = 8
const textBytes = 2 * 1024 * 1024 - headerBytes
const cellCount = 768 * 1024
const segmentBytes = headerBytes + textBytes + cellCount * Float64Array.BYTES_PER_ELEMENT

/** Of all labels of the series that takes what is over; not a word of any contract's, method's or reason's. */
const other = '_OTHER'
const overflowText = Object.entries(families)
  .map(
    ([family, { labels }]) =>
      keyOf(
        family as FamilyId,
        labels.map(() => other),
      ).length,
  )
  .reduce((sum, length) => sum + length, 0)
const overflowCells = Object.values(families).reduce((sum, family) => sum + cellsOf(family), 0)

/**
 * Pages that nothing was written to cost no memory.
 * @param workers data-plane threads; each attaches by its number, 0 … `workers` - 1
 */
export function allocateMetrics({ workers }: { readonly workers: number }): MetricsMemory {
  return { segments: Array.from({ length: workers }, () => new SharedArrayBuffer(segmentBytes)) }
}

/** How much of a segment may be used; less only in tests. */
export interface Room {
  readonly textBytes: number
  readonly cells: number
}

/**
 * The one writer of a segment.
 * INVARIANT: a series' name is written before the count that publishes it, so a reader never sees half a name; cells are
 * whole doubles, written by one thread. A successor of a dead worker goes on where it stopped.
 */
export class SegmentWriter {
  readonly cells: Float64Array
  readonly #published: Int32Array
  readonly #text: Uint8Array
  readonly #room: Room
  readonly #known = new Map<string, number>()
  #usedText = 0
  #usedCells = 0

  constructor(segment: SharedArrayBuffer, room: Room = { textBytes, cells: cellCount }) {
    this.cells = new Float64Array(segment, headerBytes + textBytes, cellCount)
    this.#published = new Int32Array(segment, 0, 1)
    this.#text = new Uint8Array(segment, headerBytes, textBytes)
    this.#room = room
    for (const { key, cells } of readSegment(segment)) {
      this.#known.set(key, this.#usedCells)
      this.#usedText += Buffer.byteLength(key)
      this.#usedCells += cells.length
    }
  }

  /** First cell of a series, which comes to be with this. Whoever counts keeps it. */
  place(family: FamilyId, labels: readonly string[]): number {
    const key = keyOf(family, labels)
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const place = this.#append(family, key, overflowText, overflowCells) ?? this.#overflow(family)
    this.#known.set(key, place)
    return place
  }

  #overflow(family: FamilyId): number {
    const key = keyOf(
      family,
      familyOf(family).labels.map(() => other),
    )
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const place = this.#append(family, key, 0, 0)
    if (place === null) throw new Error('the reserve for overflowing metrics is too small')
    this.#known.set(key, place)
    return place
  }

  #append(family: FamilyId, key: string, reservedText: number, reservedCells: number): number | null {
    const octets = Buffer.from(key)
    const wanted = cellsOf(familyOf(family))
    if (this.#usedText + octets.length > this.#room.textBytes - reservedText) return null
    if (this.#usedCells + wanted > this.#room.cells - reservedCells) return null
    this.#text.set(octets, this.#usedText)
    const place = this.#usedCells
    this.#usedText += octets.length
    this.#usedCells += wanted
    Atomics.store(this.#published, 0, this.#usedText)
    return place
  }
}

/** Names are lines of JSON; the cells of series stand in the order of their names. */
function keyOf(family: FamilyId, labels: readonly string[]): string {
  return `${JSON.stringify([family, ...labels])}\n`
}

interface Read {
  textBytes: number
  cells: number
  readonly series: Series[]
}

const readings = new WeakMap<SharedArrayBuffer, Read>()

/** Every series of a segment; what was read before is not read again. */
export function readSegment(segment: SharedArrayBuffer): readonly Series[] {
  const known = readings.get(segment) ?? { textBytes: 0, cells: 0, series: [] }
  readings.set(segment, known)
  const published = Atomics.load(new Int32Array(segment, 0, 1), 0)
  const fresh = Buffer.from(segment, headerBytes + known.textBytes, published - known.textBytes).toString()
  for (const key of fresh.split(/(?<=\n)/)) {
    if (key === '') continue
    const [family, ...labels] = JSON.parse(key) as [FamilyId, ...string[]]
    const count = cellsOf(familyOf(family))
    const offset = headerBytes + textBytes + known.cells * Float64Array.BYTES_PER_ELEMENT
    known.series.push({ family, labels, key, cells: new Float64Array(segment, offset, count) })
    known.cells += count
  }
  known.textBytes = published
  return known.series
}
