import { Worker } from 'node:worker_threads'
import { FaultLocator } from '../../contract/locate-fault.ts'
import type { Fault } from '../../engine/decision.ts'
import type { OperationPlan, Program, SourcePosition } from '../../program/program.ts'
import type { Settings } from '../../program/settings.ts'
import { type FoundDenial, findDenial } from './find-denial.ts'

export interface DenialExplanation extends Omit<FoundDenial, 'faults'> {
  /** Where the contract declares the operation; null when it has none of this name now. */
  readonly declared: SourcePosition | null
  readonly faults: readonly (Fault & {
    /** Where the contract says what must stand there. */
    readonly declared: SourcePosition | null
  })[]
}

/** What of an operation is needed to say where the contract speaks of it. */
export type Place = Pick<OperationPlan, 'id' | 'source' | 'method'> & {
  readonly mediaTypes: readonly string[]
}

export type DenialQuestion = Pick<Settings, 'stateDir' | 'trail'> & {
  readonly requestId: string
  readonly operations: readonly Place[]
}

export function placesOf(program: Program): readonly Place[] {
  return program.operations.map(({ id, source, method, body }) => ({
    id,
    source,
    method,
    mediaTypes: (body?.content ?? []).map(({ mediaType }) => mediaType),
  }))
}

/** Says why a request was denied; null when nothing is known of it. */
export async function explainDenial(question: DenialQuestion): Promise<DenialExplanation | null> {
  const found = await findDenial(question, question.requestId)
  if (!found) return null
  const operation = question.operations.find(({ id }) => id === found.operation) ?? null
  const locator = new FaultLocator()
  const faults = (found.faults ?? []).map((fault) => ({
    ...fault,
    declared: operation && placeOf(locator, operation, fault),
  }))
  return { ...found, declared: operation?.source ?? null, faults }
}

/** Which media type a body had is not on record: the first whose schema says something of the place is taken. */
function placeOf(locator: FaultLocator, { source, method, mediaTypes }: Place, fault: Fault): SourcePosition {
  const places = (mediaTypes.length > 0 ? mediaTypes : ['']).map((type) =>
    locator.locate({ source, method }, fault, type),
  )
  return places.find(({ line, column }) => line !== source.line || column !== source.column) ?? source
}

/** Each takes tens of megabytes for as long as it runs. */
const maxThreads = 2
const maxWaiting = 64
const waiting: (() => void)[] = []
let running = 0

/**
 * The same in a thread of its own: files are read and the contract is parsed, which would hold up who serves. A few at a time,
 * others wait; `busy` for who would wait too long.
 */
export async function explainDenialAside(
  question: DenialQuestion,
): Promise<DenialExplanation | null | 'busy'> {
  if (running < maxThreads) running++
  else if (waiting.length < maxWaiting) await new Promise<void>((resume) => waiting.push(resume))
  else return 'busy'
  try {
    return await explainInThread(question)
  } finally {
    const next = waiting.shift()
    if (next) next()
    else running--
  }
}

function explainInThread(question: DenialQuestion): Promise<DenialExplanation | null> {
  const script = import.meta.url.endsWith('.ts') ? './explain-thread.ts' : './explain-thread.js'
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(script, import.meta.url), { workerData: question })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('the thread ended without a word')))
  })
}
