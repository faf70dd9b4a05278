import { RE2JS } from 're2js'
import { err, ok, type Result } from '../base/result.ts'
import { isPlainlyLinear } from './linear-pattern.ts'
import { type Token, tokenize } from './pattern-tokens.ts'
import { toRe2 } from './re2-pattern.ts'

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

function compile(source: string): Result<Matcher, string> {
  if (source.length > 4096) return err('it is longer than 4096 characters')
  const unicode = withUnicode(source)
  if (!unicode.ok) return unicode
  const demands: Demand[] = []
  for (const part of splitAtStart(tokenize(unicode.value))) {
    const matcher = choose(part.tokens)
    if (!matcher.ok) return matcher
    demands.push({ matcher: matcher.value, holds: part.holds })
  }
  const [only] = demands
  if (demands.length === 1 && only) return ok(only.matcher)
  return ok({ test: (text) => demands.every(({ matcher, holds }) => matcher.test(text) === holds) })
}

/** Whether a pattern may be handed, as it is written, to the platform's engine. */
export function isLinearAsWritten(source: string): boolean {
  const unicode = withUnicode(source)
  return unicode.ok && unicode.value === source && isPlainlyLinear(tokenize(source))
}

interface Demand {
  readonly matcher: Matcher
  /** False where it must not match. */
  readonly holds: boolean
}

/** On the platform's engine where that is linear, else on one that always is. */
function choose(tokens: readonly Token[]): Result<Matcher, string> {
  if (isPlainlyLinear(tokens)) return ok(new RegExp(tokens.map(({ text }) => text).join(''), 'u'))
  const written = toRe2(tokens)
  if (!written.ok)
    return err(`it may take exponential time, and ${written.error} is not available on the linear engine`)
  try {
    const pattern = RE2JS.compile(written.value)
    pattern.re2Input.dfa.maxMem = maxAutomatonBytes
    return ok({ test: (text) => pattern.test(text) })
  } catch (error) {
    return err(`it may take exponential time, and the linear engine refuses it: ${(error as Error).message}`)
  }
}

/** Beyond this the engine forgets the states it has seen: what a client sends must not fill the memory. */
const maxAutomatonBytes = 1024 * 1024

interface Part {
  readonly tokens: readonly Token[]
  readonly holds: boolean
}

/**
 * `^(?=A)(?!B)C` holds where `^A` and `^C` match and `^B` does not: each assertion behind the first `^` stands for
 * itself, so that each may run on its own engine. What refers back to a group runs on neither.
 */
function splitAtStart(tokens: readonly Token[]): readonly Part[] {
  const whole = [{ tokens, holds: true }]
  const [start] = tokens
  if (start?.text !== '^' || hasBarAtTop(tokens)) return whole
  const parts: Part[] = []
  let at = 1
  while (tokens[at]?.text === '(?=' || tokens[at]?.text === '(?!') {
    const end = closing(tokens, at)
    const inner = tokens.slice(at + 1, end)
    const grouped = hasBarAtTop(inner) ? [group, ...inner, groupEnd] : inner
    parts.push({ tokens: [start, ...grouped], holds: tokens[at]?.text === '(?=' })
    at = end + 1
  }
  return [...parts, { tokens: [start, ...tokens.slice(at)], holds: true }]
}

const group: Token = { kind: 'open', text: '(?:' }
const groupEnd: Token = { kind: 'close', text: ')' }

/** Of the group that opens here. */
function closing(tokens: readonly Token[], from: number): number {
  for (let depth = 0, i = from; i < tokens.length; i++) {
    depth += depthOf(tokens[i] as Token)
    if (depth === 0) return i
  }
  return tokens.length
}

function hasBarAtTop(tokens: readonly Token[]): boolean {
  let depth = 0
  return tokens.some((token) => {
    depth += depthOf(token)
    return token.kind === 'bar' && depth === 0
  })
}

function depthOf({ kind }: Token): number {
  if (kind === 'close') return -1
  return kind === 'open' || kind === 'look' || kind === 'modifier' ? 1 : 0
}

/**
 * The pattern as the `u` flag accepts it. Escapes that are needless there (`\-`, `\_`, `\@`) are the one common
 * reason why a pattern in the wild does not compile; they stand for the character itself, and are written so.
 */
function withUnicode(source: string): Result<string, string> {
  for (const candidate of [source, withoutNeedlessEscapes(source)]) {
    try {
      new RegExp(candidate, 'u')
      return ok(candidate)
    } catch {
      // tried in the next spelling
    }
  }
  return err('it is not a regular expression of ECMA-262 with the `u` flag')
}

function withoutNeedlessEscapes(source: string): string {
  let inClass = false
  return source.replace(/\\.|[[\]]/gsu, (piece) => {
    if (piece === '[') inClass = true
    else if (piece === ']') inClass = false
    else if (piece === '\\-') return inClass ? piece : '-'
    return needless.test(piece) ? piece.slice(1) : piece
  })
}

const needless = /^\\[^A-Za-z0-9^$\\.*+?()[\]{}|/-]$/u
