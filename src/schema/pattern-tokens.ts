/** A piece of a pattern. */
export interface Token {
  readonly kind:
    | 'character'
    | 'class'
    | 'assertion'
    | 'quantifier'
    | 'open'
    | 'close'
    | 'bar'
    | 'look'
    | 'modifier'
    | 'reference'
  readonly text: string
}

/** One character, as itself or by an escape; `\d` and its like stand for many. */
const character = String.raw`\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|u\{[\da-fA-F]+\}|u[\da-fA-F]{4}|x[\da-fA-F]{2}|c[A-Za-z]|[pP]\{[^}]*\}|.)|.`

const token = new RegExp(
  [
    String.raw`(?<class>\[(?:\\.|[^\]\\])*\])`,
    String.raw`(?<look>\(\?<?[=!])`,
    String.raw`(?<modifier>\(\?[ims-]+:)`,
    String.raw`(?<open>\((?:\?:|\?<[^>]+>)?)`,
    String.raw`(?<close>\))`,
    String.raw`(?<bar>\|)`,
    String.raw`(?<quantifier>(?:[*+?]|\{\d+(?:,\d*)?\})\??)`,
    String.raw`(?<assertion>[\^$]|\\[bB])`,
    String.raw`(?<reference>\\(?:[1-9]\d*|k<[^>]+>))`,
    `(?<character>${character})`,
  ].join('|'),
  'gsu',
)

/** Splits a pattern that compiles with the `u` flag. @see ECMA-262 22.2.1 */
export function tokenize(pattern: string): readonly Token[] {
  return [...pattern.matchAll(token)].map(({ 0: text, groups = {} }) => {
    const kind = Object.keys(groups).find((name) => groups[name] !== undefined) as Token['kind']
    return { kind, text }
  })
}

const inClass = new RegExp(character, 'gsu')

export interface CharacterClass {
  readonly negated: boolean
  readonly members: readonly string[]
}

/** The members of a class, `-` among them. */
export function splitClass(text: string): CharacterClass {
  const negated = text.startsWith('[^')
  return { negated, members: text.slice(negated ? 2 : 1, -1).match(inClass) ?? [] }
}

const controls: { readonly [letter: string]: number } = { t: 9, n: 10, v: 11, f: 12, r: 13, 0: 0 }

/** The code point that a character stands for; null where it stands for many. @see ECMA-262 22.2.1.6 */
export function codePointOf(text: string): number | null {
  if (!text.startsWith('\\')) return text.codePointAt(0) as number
  const letter = text[1] as string
  if (/^\\[dDsSwWpP]/.test(text)) return null
  if (letter === 'u' && text.length === 12)
    return String.fromCharCode(hex(text.slice(2, 6)), hex(text.slice(8))).codePointAt(0) as number
  if (letter === 'u' || letter === 'x') return hex(text.slice(2).replace(/[{}]/g, ''))
  if (letter === 'c') return (text.codePointAt(2) as number) % 32
  return controls[letter] ?? (text.codePointAt(1) as number)
}

function hex(digits: string): number {
  return Number.parseInt(digits, 16)
}
