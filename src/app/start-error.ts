import { OwnError } from '../base/code-of-error.ts'
import type { Diagnostic } from '../contract/diagnostic.ts'

/** The gateway refuses to start. The message is for a person and complete; there is nothing in the stack for them. */
export class StartError extends OwnError {
  /** What is wrong in the files; empty when the trouble is elsewhere, e.g. a port that is taken. */
  readonly diagnostics: readonly Diagnostic[]

  constructor(message: string, diagnostics: readonly Diagnostic[] = []) {
    super(message)
    this.name = 'StartError'
    this.diagnostics = diagnostics
  }
}
