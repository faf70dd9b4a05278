import { err, ok, type Result } from '../base/result.ts'
import { codePointOf, splitClass, type Token } from './pattern-tokens.ts'

/** What the linear-time engine has no equal for. */
const lacking: { readonly [K in Token['kind']]?: string } = {
  look: 'a look-around assertion that does not stand right behind the first ^',
  modifier: 'a modifier',
  reference: 'a back-reference',
}

/**
 * Writes an ECMA-262 pattern in RE2's dialect so that it means the same. Every character is written by its number and
 * every set by its ranges, so that nothing is left to be read otherwise.
 * @returns what cannot be carried over, otherwise
 */
export function toRe2(tokens: readonly Token[]): Result<string, string> {
  let written = ''
  for (const { kind, text } of tokens) {
    const missing = lacking[kind]
    if (missing !== undefined) return err(missing)
    written += writeToken(kind, text)
  }
  // A group in front keeps the engine from its one-pass matcher, which takes ten times as long as its automaton.
  return ok(`(${written})`)
}

function writeToken(kind: Token['kind'], text: string): string {
  switch (kind) {
    case 'open':
      return '(?:'
    case 'class':
      return writeClass(text)
    case 'character':
      return text === '.' ? writeClass('[^\\n\\r\\u2028\\u2029]') : writeClass(`[${escapedInClass(text)}]`)
    case 'assertion':
      // Without the `m` flag `$` is the very end; RE2 calls that \z.
      return text === '$' ? '\\z' : text
    default:
      return text
  }
}

function escapedInClass(text: string): string {
  return text === '^' || text === '-' || text === ']' ? `\\${text}` : text
}

function writeClass(text: string): string {
  const { negated, members } = splitClass(text)
  let inside = ''
  for (let i = 0; i < members.length; i++) {
    const member = members[i] as string
    const from = codePointOf(inClass(member))
    if (from === null) inside += rangesOf(member)
    else if (members[i + 1] === '-' && members[i + 2] !== undefined) {
      inside += range(from, codePointOf(inClass(members[i + 2] as string)) as number)
      i += 2
    } else inside += range(from, from)
  }
  // `[]` matches nothing, `[^]` everything.
  if (inside === '') return negated ? `[${range(0, lastCodePoint)}]` : `[^${range(0, lastCodePoint)}]`
  return `[${negated ? '^' : ''}${inside}]`
}

/** In a class `\b` is the backspace. */
function inClass(member: string): string {
  return member === '\\b' ? '\\x08' : member
}

function range(from: number, to: number): string {
  return `\\x{${from.toString(16)}}-\\x{${to.toString(16)}}`
}

const lastCodePoint = 0x10ffff

/** RE2's `\d` and `\w` are those of ECMA-262; its `\s` is not. */
const known = new Map([
  ...['\\d', '\\D', '\\w', '\\W'].map((spelling) => [spelling, spelling] as const),
  [
    '\\s',
    '\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}',
  ] as const,
])

/** The ranges of `\S`, `\p{L}` and their like, as this platform has them. */
function rangesOf(spelling: string): string {
  const found = known.get(spelling)
  if (found !== undefined) return found
  let ranges = ''
  for (const { 0: run, index } of everyCharacter().matchAll(new RegExp(`${spelling}+`, 'gu')))
    ranges += range(characterAt(index), characterAt(index + run.length - 1))
  known.set(spelling, ranges)
  return ranges
}

const surrogates = 0xd800
const afterSurrogates = 0xe000
const beyondPlane = 0x10000
/** Where the characters of two code units begin in `everyCharacter`. */
const pairs = beyondPlane - (afterSurrogates - surrogates)

function everyCharacter(): string {
  let text = ''
  for (let point = 0; point <= lastCodePoint; point++) {
    if (point === surrogates) point = afterSurrogates
    text += String.fromCodePoint(point)
  }
  return text
}

function characterAt(index: number): number {
  if (index < surrogates) return index
  if (index < pairs) return index - surrogates + afterSurrogates
  return beyondPlane + Math.floor((index - pairs) / 2)
}
