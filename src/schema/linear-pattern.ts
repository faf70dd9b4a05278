import type { Token } from './pattern-tokens.ts'

/** How many characters one part of a pattern may take. */
interface Span {
  readonly least: number
  readonly most: number
}

/** Steps of backtracking for each character of the text, which take about 5 ns each. */
const maxStepsPerCharacter = 8
/** Steps of backtracking that are bounded whatever the text. */
const maxSteps = 1_000_000

/**
 * True when the work of a backtracking engine is bounded by a small constant for each character. What multiplies that
 * work is counted: optional parts and alternatives double it, `{m,n}` multiplies it by its width, an unbounded
 * repetition by the length of the text, and a start that is not fixed does so too. Whatever follows is tried again
 * each time, so its length counts. Conservative: false only means that the argument does not apply.
 */
export function isPlainlyLinear(tokens: readonly Token[]): boolean {
  const spans: Span[] = []
  let choices = 1
  let depth = 0
  let anchored = tokens[0]?.text === '^'
  for (const [index, { kind }] of tokens.entries()) {
    if (kind === 'look' || kind === 'modifier' || kind === 'reference') return false
    if (kind === 'open') depth++
    else if (kind === 'close') {
      depth--
      const repeated = quantifierAt(tokens, index + 1)
      if (repeated && repeated.most > 1) return false
      if (repeated) choices *= 2
    } else if (kind === 'bar') {
      choices *= 2
      if (depth === 0) anchored = false
    } else if (kind === 'character' || kind === 'class')
      spans.push(quantifierAt(tokens, index + 1) ?? { least: 1, most: 1 })
  }
  const widest = spans.reduce((best, span, index) => (width(span) > width(spans[best]) ? index : best), 0)
  for (const [index, span] of spans.entries()) if (index !== widest) choices *= width(span)
  const length = sum(spans)
  if (!anchored) return choices * width(spans[widest]) * length <= maxStepsPerCharacter
  const retried = choices * (sum(spans.slice(widest + 1)) + 1)
  return retried <= maxStepsPerCharacter || width(spans[widest]) * retried + choices * length <= maxSteps
}

function quantifierAt(tokens: readonly Token[], index: number): Span | null {
  const found = tokens[index]
  if (found?.kind !== 'quantifier') return null
  const [sign] = found.text
  if (sign === '?') return { least: 0, most: 1 }
  if (sign === '*' || sign === '+') return { least: sign === '*' ? 0 : 1, most: Number.POSITIVE_INFINITY }
  const [, least = '0', comma, most] = /^\{(\d+)(,?)(\d*)\}/.exec(found.text) ?? []
  if (comma === '') return { least: Number(least), most: Number(least) }
  return { least: Number(least), most: most === '' ? Number.POSITIVE_INFINITY : Number(most) }
}

function width(span: Span | undefined): number {
  return span ? span.most - span.least + 1 : 1
}

function sum(spans: readonly Span[]): number {
  return spans.reduce((total, { most }) => total + most, 0)
}
