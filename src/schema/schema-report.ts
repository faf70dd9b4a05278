import type { SchemaLocation, SchemaProblem } from './lower.ts'

/** Collects problems; one place is reported once per rule. */
export class SchemaReport {
  readonly problems: SchemaProblem[] = []
  readonly #seen = new Set<string>()

  error(rule: string, location: SchemaLocation, message: string, fix: string): void {
    this.#add(
      { severity: 'error', rule, location, message, fix },
      `${rule} ${location.file} ${location.pointer} ${message}`,
    )
  }

  warn(rule: string, location: SchemaLocation, message: string, fix: string): void {
    this.#add(
      { severity: 'warning', rule, location, message, fix },
      `${rule} ${location.file} ${location.pointer} ${message}`,
    )
  }

  /** For what a document repeats everywhere: the first place stands for all. */
  warnOnce(rule: string, subject: string, location: SchemaLocation, message: string, fix: string): void {
    this.#add({ severity: 'warning', rule, location, message, fix }, `${rule} ${subject}`)
  }

  #add(problem: SchemaProblem, key: string): void {
    if (this.#seen.has(key)) return
    this.#seen.add(key)
    this.problems.push(problem)
  }
}
