import type { Diagnostic } from '../contract/diagnostic.ts'
import { paint, plural, shownPath, tell } from './terminal.ts'

/** Diagnostics as a person reads them: where, what, and how to mend it. */
export function describe(
  { severity, rule, position, message, fix }: Diagnostic,
  stream: NodeJS.WriteStream,
): string {
  const place = `${shownPath(position.file)}:${position.line}:${position.column}`
  const label = paint(severity === 'error' ? 'red' : 'yellow', severity, stream)
  return `${paint('bold', place, stream)}: ${label}: ${message} [${rule}]\n    fix: ${fix}`
}

/** `2 problems, 1 warning`; `no problems`. */
export function tally(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length
  const warnings = diagnostics.length - errors
  const problems = errors === 0 ? 'no problems' : plural(errors, 'problem')
  return warnings === 0 ? problems : `${problems}, ${plural(warnings, 'warning')}`
}

/** On stderr, errors last so that they stand above the prompt. */
export function tellAll(diagnostics: readonly Diagnostic[]): void {
  for (const severity of ['warning', 'error'] as const)
    for (const found of diagnostics.filter((one) => one.severity === severity))
      tell(describe(found, process.stderr))
}
