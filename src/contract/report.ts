import type { SourcePosition } from '../program/program.ts'
import type { Diagnostic } from './diagnostic.ts'

/** Collects diagnostics, of which the same words at the same place are said once, and the files that they depend on. */
export class Report {
  readonly #diagnostics = new Map<string, Diagnostic>()
  readonly #files = new Set<string>()

  error(rule: string, position: SourcePosition, message: string, fix: string): void {
    this.add({ severity: 'error', rule, position, message, fix })
  }

  warn(rule: string, position: SourcePosition, message: string, fix: string): void {
    this.add({ severity: 'warning', rule, position, message, fix })
  }

  add(diagnostic: Diagnostic): void {
    const { file, line, column } = diagnostic.position
    const key = `${file}:${line}:${column} ${diagnostic.rule} ${diagnostic.message}`
    if (!this.#diagnostics.has(key)) this.#diagnostics.set(key, diagnostic)
  }

  /** A file is read, or turns out not to be there. Absolute. */
  looksAt(file: string): void {
    this.#files.add(file)
  }

  get files(): readonly string[] {
    return [...this.#files]
  }

  get hasErrors(): boolean {
    return [...this.#diagnostics.values()].some(({ severity }) => severity === 'error')
  }

  /** By file, line and column. */
  sorted(): readonly Diagnostic[] {
    return [...this.#diagnostics.values()].sort(
      ({ position: a }, { position: b }) => compare(a.file, b.file) || a.line - b.line || a.column - b.column,
    )
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
