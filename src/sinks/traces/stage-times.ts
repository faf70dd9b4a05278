import type { Stage } from '../../engine/decision.ts'
import type { Journal } from '../../engine/outcome.ts'
import type { StageClock } from '../../engine/record/stage-clock.ts'
import { nanosText } from '../otlp/encode.ts'

let originMs = performance.timeOrigin

/** The monotonic clock drifts from that of the day, which is set now and then; within one span it alone counts. */
export function setByTheDay(): void {
  originMs = Date.now() - performance.now()
}

/**
 * When one request entered which stage. As long as its trace is not sampled only the first two are noted: a trusted proxy's
 * word on that comes in the second.
 */
export class StageTimes implements StageClock {
  readonly encrypted: boolean
  readonly #journal: Pick<Journal, 'traceSampled'>
  readonly #begunMs = performance.now()
  readonly #stages: Stage[] = []
  readonly #times: number[] = []

  constructor(journal: Pick<Journal, 'traceSampled'>, encrypted: boolean) {
    this.#journal = journal
    this.encrypted = encrypted
  }

  /** Epoch milliseconds, with fractions. */
  get startedMs(): number {
    return originMs + this.#begunMs
  }

  enter(stage: Stage): void {
    if (stage === 'parse') this.#note(stage, this.#begunMs)
    else if (stage === 'admit' || this.#journal.traceSampled) this.#note(stage, performance.now())
  }

  #note(stage: Stage, atMs: number): void {
    this.#stages.push(stage)
    this.#times.push(atMs)
  }

  /** `Span.Event`, one a stage. */
  eventsText(): string {
    let text = ''
    for (const [index, stage] of this.#stages.entries()) {
      const atMs = originMs + (this.#times[index] as number)
      text += `${index === 0 ? '' : ','}{"timeUnixNano":${nanosText(atMs)},"name":"${stage}"}`
    }
    return text
  }
}
