import { pointerStep } from '../../base/fault-pointer.ts'
import type { Validator } from '../../schema/validator.ts'

/** A text that its types let be read in several ways, and where its value stands. */
export interface Ambiguity {
  /** At least two, the preferred first, which stands there already. */
  readonly readings: readonly unknown[]
  /** What holds the value; null when it is the whole. */
  readonly holder: object | null
  /** Equal texts of one list are read alike: two readings of one text are no two values. */
  readonly keys: readonly string[]
  /** JSON Pointer of the holder. */
  readonly pointer: string
}

/** A value, and what of it could have been read otherwise. */
export interface Readable {
  readonly value: unknown
  readonly ambiguities?: readonly Ambiguity[]
}

/** Most octets of JSON that all combinations may cost together. */
const maxTried = 64 * 1024
const maxFaults = 1000
const maxRounds = 3

/**
 * Looks for readings that the schema accepts, the preferred ones first. Every combination is tried while that costs
 * little; else each item or member is read anew where the schema finds fault with it, and at last all of them as the
 * text that they are.
 * @returns the accepted value; null when there is none, and then the preferred readings stand again
 */
export function settle(readable: Readable, validator: Validator): { readonly value: unknown } | null {
  const { value, ambiguities } = readable
  if (validator.check(value)) return readable
  if (!ambiguities || ambiguities.length === 0) return null
  const trial = new Trial(value, ambiguities, validator)
  const affordable = 2 ** ambiguities.length * (JSON.stringify(value)?.length ?? 0) <= maxTried
  if (affordable ? trial.every() : trial.guided() || trial.last()) return trial
  trial.preferred()
  return null
}

class Trial {
  value: unknown
  readonly #ambiguities: readonly Ambiguity[]
  readonly #validator: Validator

  constructor(value: unknown, ambiguities: readonly Ambiguity[], validator: Validator) {
    this.value = value
    this.#ambiguities = ambiguities
    this.#validator = validator
  }

  preferred(): void {
    for (const one of this.#ambiguities) this.#put(one, 0)
  }

  every(): boolean {
    const [...left] = this.#ambiguities
    const from = (index: number): boolean => {
      const one = left[index]
      if (!one) return this.#validator.check(this.value)
      return one.readings.some((_, reading) => {
        this.#put(one, reading)
        return from(index + 1)
      })
    }
    return from(0)
  }

  last(): boolean {
    for (const one of this.#ambiguities) this.#put(one, -1)
    return this.#validator.check(this.value)
  }

  guided(): boolean {
    this.preferred()
    const open = new Map<string, Ambiguity>(
      this.#ambiguities.flatMap((one) =>
        one.keys.map((key) => [`${one.pointer}/${pointerStep(key)}`, one] as const),
      ),
    )
    for (let round = 0; round < maxRounds; round++) {
      let changed = false
      for (const { pointer } of this.#validator.faults(this.value, maxFaults)) {
        const one = open.get(pointer)
        if (!one) continue
        this.#put(one, -1)
        open.delete(pointer)
        changed = true
      }
      if (this.#validator.check(this.value)) return true
      if (!changed) return false
    }
    return false
  }

  #put({ holder, keys, readings }: Ambiguity, index: number): void {
    const reading = readings.at(index)
    if (holder === null) this.value = reading
    else for (const key of keys) (holder as Record<string, unknown>)[key] = reading
  }
}
