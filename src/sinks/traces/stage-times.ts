import type { Stage } from '../../engine/decision.ts'
import type { StageClock } from '../../engine/record/stage-clock.ts'
import { nanosText } from '../otlp/encode.ts'

/** When one request entered which stage. */
export class StageTimes implements StageClock {
  readonly encrypted: boolean
  readonly #begunMs = performance.now()
  readonly #stages: Stage[] = []
  readonly #times: number[] = []

  constructor(encrypted: boolean) {
    this.encrypted = encrypted
  }

  /** Epoch milliseconds, with fractions. */
  get startedMs(): number {
    return performance.timeOrigin + this.#begunMs
  }

  enter(stage: Stage): void {
    this.#stages.push(stage)
    this.#times.push(performance.now())
  }

  /** `Span.Event`, one a stage. */
  eventsText(): string {
    let text = ''
    for (const [index, stage] of this.#stages.entries()) {
      const atMs = performance.timeOrigin + (this.#times[index] as number)
      text += `${index === 0 ? '' : ','}{"timeUnixNano":${nanosText(atMs)},"name":"${stage}"}`
    }
    return text
  }
}
