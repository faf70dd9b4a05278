import { nearest } from '../base/nearest.ts'

export interface ExpressionProblem {
  readonly message: string
  /** What to write instead; null where nothing better can be said than the names there are. */
  readonly fix: string | null
  /** Offset into the expression's text, in UTF-16 units. */
  readonly offset: number
}

/** As the library throws it. */
interface CelError extends Error {
  readonly code: string
  readonly summary: string
  readonly range?: { readonly start: number; readonly end: number }
  readonly node?: { readonly op?: string; readonly args?: unknown }
}

interface Names {
  readonly source: string
  readonly variables: readonly string[]
  readonly members: ReadonlyMap<string, readonly string[]>
}

/** Says what the type checker or the parser found, in words of the contract. */
export function describeProblem(error: unknown, names: Names): ExpressionProblem {
  if (!isCelError(error)) {
    const message = error instanceof Error ? error.message : 'cannot be read'
    return { message, fix: null, offset: 0 }
  }
  const offset = error.range?.start ?? 0
  const text = names.source.slice(offset, error.range?.end ?? offset)
  switch (error.code) {
    case 'unknown_variable':
      return { ...unknownVariable(text, names), offset }
    case 'no_such_key':
      return { ...unknownMember(error, names), offset }
    case 'no_such_overload':
    case 'no_matching_overload':
      return {
        message: `${error.summary} in ${text}`,
        fix: 'both sides must be of one type; string(), int() and double() convert',
        offset,
      }
    default:
      return { message: error.summary, fix: null, offset }
  }
}

function unknownVariable(name: string, { variables }: Names): Omit<ExpressionProblem, 'offset'> {
  if (name === 'body')
    return {
      message: 'body is not available: the operation declares no body that is read whole',
      fix: listOf(variables),
    }
  const meant = nearest(name, variables)
  return {
    message: `${name} is not a variable`,
    fix: meant === null ? listOf(variables) : `did you mean ${meant}?`,
  }
}

function unknownMember(error: CelError, names: Names): Omit<ExpressionProblem, 'offset'> {
  const [object, member] = Array.isArray(error.node?.args) ? (error.node.args as readonly unknown[]) : []
  const owner = object as
    | { readonly start: number; readonly end: number; readonly checkedType?: { readonly name: string } }
    | undefined
  const name = typeof member === 'string' ? member : String((member as { readonly args?: unknown })?.args)
  const place = owner ? names.source.slice(owner.start, owner.end) : 'it'
  const known = names.members.get(owner?.checkedType?.name ?? '') ?? []
  const meant = nearest(name, known)
  const message = `${place} has no member ${name}`
  if (meant !== null) return { message, fix: `did you mean ${meant}?` }
  return { message, fix: known.length > 0 ? listOf(known) : `${place} has no members here` }
}

/**
 * Says why an evaluation failed: the kind of error, and a name when the expression itself spells it. The library's
 * own words may hold what a client sent, which must not reach a log.
 */
export function describeFailure(error: unknown): string {
  if (!isCelError(error)) return 'cannot be evaluated'
  const kind = error.code.replaceAll('_', ' ')
  const { op, args } = error.node ?? {}
  const spelled = op === '.' && Array.isArray(args) ? args[1] : op === 'id' ? args : undefined
  return typeof spelled === 'string' ? `${kind}: ${spelled}` : kind
}

const maxListed = 12

function listOf(names: readonly string[]): string {
  const more = names.length > maxListed ? `, and ${names.length - maxListed} more` : ''
  return `there are ${names.slice(0, maxListed).join(', ')}${more}`
}

function isCelError(error: unknown): error is CelError {
  return error instanceof Error && 'summary' in error && 'code' in error
}
