import type { Ending, RecordSink } from '../../engine/record/ending.ts'
import { knownMethods } from '../known-methods.ts'
import { type FamilyId, families, familyOf } from './families.ts'
import { type MetricsMemory, SegmentWriter } from './memory.ts'

/** The figures one worker thread writes. */
export interface WorkerMetrics extends RecordSink {
  /** Adds to a counter. For what is not counted once a request: the series is looked up by its labels. */
  add(family: FamilyId, labels: readonly string[], count: number): void
  set(family: FamilyId, labels: readonly string[], value: number): void
  observe(family: FamilyId, labels: readonly string[], value: number): void
}

/** @param worker number of the calling thread, below `workers` of the memory; no other thread may attach by it */
export function attachMetrics(memory: MetricsMemory, worker: number): WorkerMetrics {
  const segment = memory.segments[worker]
  if (!segment) throw new RangeError(`metrics were allocated for ${memory.segments.length} workers`)
  return new Recorder(new SegmentWriter(segment))
}

/** Where the figures of one operation stand, so that no label text is put together for a request. */
interface OperationPlaces {
  readonly id: string
  /** By method, then status. */
  readonly durations: Map<string, Map<number, number>>
  /** By stage, then reason. */
  readonly decisions: Map<string, Map<string, number>>
  readonly allowed: number
  readonly responseSize: number
}

const durationBounds = families.requestDuration.bounds
const sizeBounds = families.responseBodySize.bounds

/**
 * Label values come from the contract and from tables of ours, never from a client (attack G4): unknown methods are
 * `_OTHER`, unknown routes have no operation.
 */
class Recorder implements WorkerMetrics {
  readonly #writer: SegmentWriter
  readonly #cells: Float64Array
  readonly #operations = new Map<string, OperationPlaces>()
  readonly #forwardingIgnored: number

  constructor(writer: SegmentWriter) {
    this.#writer = writer
    this.#cells = writer.cells
    this.#forwardingIgnored = writer.place('forwardingIgnored', [])
  }

  write({ journal, denial, status, durationMs, responseBytes }: Ending): void {
    const cells = this.#cells
    const { operation } = journal
    const places = this.#operations.get(operation === null ? '' : operation.id) ?? this.#open(operation)
    const duration = this.#durationOf(places, journal.method, status ?? 0)
    observeIn(cells, duration, durationBounds, durationMs / 1000)
    observeIn(cells, places.responseSize, sizeBounds, responseBytes)
    const decision = denial === null ? places.allowed : this.#decisionOf(places, denial.stage, denial.reason)
    cells[decision] = (cells[decision] as number) + 1
    if (denial?.reason === 'quota_exceeded')
      for (const limit of denial.client.violatedPolicies) this.add('limitDenials', [limit], 1)
    for (const found of journal.reported) this.#count(places, 'report', found.reason)
    if (journal.answerUnseen !== null) this.#count(places, 'report', 'answer_unseen')
    if (journal.answerStripped > 0) this.#count(places, 'report', 'answer_stripped')
    if (journal.limitFallbacks.length > 0) this.add('limitFallbacks', [places.id], 1)
    if (journal.forwardingIgnored)
      cells[this.#forwardingIgnored] = (cells[this.#forwardingIgnored] as number) + 1
  }

  add(family: FamilyId, labels: readonly string[], count: number): void {
    const place = this.#writer.place(family, labels)
    this.#cells[place] = (this.#cells[place] as number) + count
  }

  set(family: FamilyId, labels: readonly string[], value: number): void {
    this.#cells[this.#writer.place(family, labels)] = value
  }

  observe(family: FamilyId, labels: readonly string[], value: number): void {
    observeIn(this.#cells, this.#writer.place(family, labels), familyOf(family).bounds ?? [], value)
  }

  #open(operation: Ending['journal']['operation']): OperationPlaces {
    const id = operation?.id ?? ''
    if (operation) this.set('operationInfo', [id, operation.route], 1)
    const places = {
      id,
      durations: new Map(),
      decisions: new Map(),
      allowed: this.#writer.place('decisions', [id, 'record', 'allowed']),
      responseSize: this.#writer.place('responseBodySize', [id]),
    }
    this.#operations.set(id, places)
    return places
  }

  #durationOf({ id, durations }: OperationPlaces, method: string, status: number): number {
    const label = knownMethods.has(method) ? method : '_OTHER'
    const byStatus = inner(durations, label)
    const known = byStatus.get(status)
    if (known !== undefined) return known
    const place = this.#writer.place('requestDuration', [id, label, String(status)])
    byStatus.set(status, place)
    return place
  }

  #decisionOf({ id, decisions }: OperationPlaces, stage: string, reason: string): number {
    const byReason = inner(decisions, stage)
    const known = byReason.get(reason)
    if (known !== undefined) return known
    const place = this.#writer.place('decisions', [id, stage, reason])
    byReason.set(reason, place)
    return place
  }

  #count(places: OperationPlaces, stage: string, reason: string): void {
    const place = this.#decisionOf(places, stage, reason)
    this.#cells[place] = (this.#cells[place] as number) + 1
  }
}

/** Buckets stand one after the other, not cumulated; the sum follows them. */
function observeIn(cells: Float64Array, place: number, bounds: readonly number[], value: number): void {
  let bucket = 0
  while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++
  cells[place + bucket] = (cells[place + bucket] as number) + 1
  const sum = place + bounds.length + 1
  cells[sum] = (cells[sum] as number) + value
}

function inner<K, V>(outer: Map<string, Map<K, V>>, key: string): Map<K, V> {
  const known = outer.get(key)
  if (known) return known
  const created = new Map<K, V>()
  outer.set(key, created)
  return created
}
