import type { SourcePosition } from '../program/program.ts'

/** One thing a person must (error) or may want to (warning) mend before the gate opens. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning'
  /** Stable, kebab-case name of the rule, e.g. `security-undecided`. */
  readonly rule: string
  readonly position: SourcePosition
  /** What is wrong, with the names involved; never a secret. */
  readonly message: string
  /** What to write instead. */
  readonly fix: string
}
