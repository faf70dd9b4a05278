import { RE2JS } from 're2js'
import { err, ok, type Result } from '../base/result.ts'

/** Anything that can say whether a string holds a match. */
export interface Matcher {
  test(text: string): boolean
}

const compiled = new Map<string, Result<Matcher, string>>()

/**
 * Compiles a `pattern` so that no input can hold the thread (attack D10).
 *
 * A pattern that is linear by a simple argument runs on the platform's engine with the `u` flag, as JSON Schema
 * asks (ECMA-262). Any other runs on a linear-time engine, if its meaning is the same there; else it is refused.
 * @returns why the pattern is refused, otherwise
 */
export function compilePattern(source: string): Result<Matcher, string> {
  const known = compiled.get(source)
  if (known) return known
  const result = compile(source)
  compiled.set(source, result)
  return result
}

/** Whether the platform's engine may run a pattern as it is written. */
export function isPlatformPattern(source: string): boolean {
  const unicode = withUnicode(source)
  return unicode.ok && unicode.value === source && isPlainlyLinear(source)
}

function compile(source: string): Result<Matcher, string> {
  if (source.length > 4096) return err('it is longer than 4096 characters')
  const unicode = withUnicode(source)
  if (!unicode.ok) return unicode
  if (isPlainlyLinear(source)) return ok(new RegExp(unicode.value, 'u'))
  const differs = differsInRe2(unicode.value)
  if (differs !== null)
    return err(`it may take exponential time, and ${differs} is not available on the linear engine`)
  try {
    const pattern = RE2JS.compile(toRe2(unicode.value))
    return ok({ test: (text) => pattern.matcher(text).find() })
  } catch (error) {
    return err(`it may take exponential time, and the linear engine refuses it: ${(error as Error).message}`)
  }
}

/**
 * The pattern as the `u` flag accepts it. Escapes that are needless there (`\-`, `\_`, `\@`) are the one common
 * reason why a pattern in the wild does not compile; they stand for the character itself, and are written so.
 */
function withUnicode(source: string): Result<string, string> {
  for (const candidate of [
    source,
    source.replace(/\\([^\w\s\\^$.*+?()[\]{}|/-])|\\(_)/g, '$1$2'),
    repairHyphens(source),
  ]) {
    try {
      new RegExp(candidate, 'u')
      return ok(candidate)
    } catch {
      // tried in the next spelling
    }
  }
  return err('it is not a regular expression of ECMA-262 with the `u` flag')
}

function repairHyphens(source: string): string {
  const plain = source.replace(/\\([^\w\s\\^$.*+?()[\]{}|/-])|\\(_)/g, '$1$2')
  let inClass = false
  return plain.replace(/\\.|[[\]]/gsu, (piece) => {
    if (piece === '[') inClass = true
    else if (piece === ']') inClass = false
    return piece === '\\-' && !inClass ? '-' : piece
  })
}

/**
 * True when the work of backtracking is bounded by a small constant for each character. What multiplies that work is
 * counted: every optional part and every alternative doubles it, every `{m,n}` multiplies it by its width, and an
 * unbounded repetition by the length of the text, so that only one is let in, anchored at the start.
 * Conservative: false only means that the argument does not apply.
 */
function isPlainlyLinear(source: string): boolean {
  if (/\\[1-9k]|\(\?/.test(source.replaceAll('(?:', '('))) return false
  const flat = source
    .replace(/\\./gs, 'x')
    .replace(/\[[^\]]*\]/g, 'c')
    .replaceAll('(?:', '(')
  if (/\)(?:[*+]|\{)/.test(flat)) return false
  const unbounded = flat.match(/[*+]|\{\d+,\}/g)?.length ?? 0
  const doubling = flat.match(/[?|]/g)?.length ?? 0
  const widths = [...flat.matchAll(/\{(\d+),(\d+)\}/g)].map(
    ([, least, most]) => Number(most) - Number(least) + 1,
  )
  const choices = widths.reduce((product, width) => product * width, 2 ** doubling)
  const anchored = flat.startsWith('^') && !flat.includes('|')
  if (unbounded > 0) return unbounded === 1 && anchored && choices <= 32
  return choices <= (anchored ? 1024 : 16)
}

/** Constructs whose meaning differs between ECMA-262 and RE2, or which RE2 lacks. */
const differing: readonly (readonly [RegExp, string])[] = [
  [/\\[1-9]|\\k</, 'a back-reference'],
  [/\(\?[=!<](?!\w+>)/, 'a look-around assertion'],
  [/\\[AzZQEGaCX]/, 'an escape of another dialect'],
  [/\[\^?\[:/, 'a POSIX class'],
  [/\\c[A-Za-z]/, 'a control escape'],
  [/\\[bB]/, 'a word boundary'],
  [/\[[^\]]*\\S[^\]]*\]/, '\\S inside a class'],
]

function differsInRe2(source: string): string | null {
  return differing.find(([construct]) => construct.test(source))?.[1] ?? null
}

// ECMA-262 22.2.2.9: the white space and line terminators that `\s` stands for, and those that `.` leaves out.
const space =
  '\\t\\n\\v\\f\\r \\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}\\x{FEFF}'

/** Writes an ECMA-262 pattern in RE2's dialect; `$` without the `m` flag is the very end in both. */
function toRe2(source: string): string {
  let inClass = false
  return source.replace(/\\u\{([0-9A-Fa-f]+)\}|\\u([0-9A-Fa-f]{4})|\\.|[[\].$]/gsu, (piece, braced, four) => {
    if (braced ?? four) return `\\x{${braced ?? four}}`
    if (piece === '[') {
      const nested = inClass
      inClass = true
      return nested ? '\\[' : '['
    }
    if (piece === ']') inClass = false
    if (piece === '\\s') return inClass ? space : `[${space}]`
    if (piece === '\\S' && !inClass) return `[^${space}]`
    if (piece === '\\/') return '/'
    if (piece === '.' && !inClass) return '[^\\n\\r\\x{2028}\\x{2029}]'
    if (piece === '$' && !inClass) return '\\z'
    return piece
  })
}
