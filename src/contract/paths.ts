import type { SegmentPlan } from '../program/program.ts'

/** Reads a path template; a text says why it is none. */
export function readTemplate(template: string): readonly SegmentPlan[] | string {
  if (!template.startsWith('/')) return 'a path template starts with a slash'
  if (/[?#]/.test(template)) return 'a path template has no query and no fragment'
  const segments: SegmentPlan[] = []
  const names = new Set<string>()
  for (const text of template.slice(1).split('/')) {
    const segment = readSegment(text)
    if (typeof segment === 'string') return segment
    if (segment.kind === 'parameter') {
      for (const name of segment.names) {
        if (names.has(name)) return `the parameter ${name} stands twice`
        names.add(name)
      }
    }
    segments.push(segment)
  }
  const empty = segments.findIndex((segment) => segment.kind === 'literal' && segment.text === '')
  return empty >= 0 && empty < segments.length - 1 ? 'a path template has no empty segments' : segments
}

function readSegment(text: string): SegmentPlan | string {
  if (text === '.' || text === '..') return 'a path template has no dot segments'
  const pieces = text.split(/\{([^{}]+)\}/)
  const names = pieces.filter((_, index) => index % 2 === 1)
  const texts = pieces.filter((_, index) => index % 2 === 0)
  if (texts.some((literal) => /[{}]/.test(literal))) return 'a brace has no partner'
  if (names.length === 0) return { kind: 'literal', text: canonicalLiteral(text) }
  if (texts.slice(1, -1).includes('')) return 'two parameters stand side by side without text between them'
  return { kind: 'parameter', names, texts: texts.map(canonicalLiteral), spans: false, allow: [] }
}

/** The spelling in which request paths are matched: unreserved characters decoded, all else encoded in upper case. */
export function canonicalLiteral(text: string): string {
  let decoded = text
  try {
    decoded = decodeURIComponent(text)
  } catch {
    // a stray percent sign stands for itself
  }
  return encodeURIComponent(decoded).replace(/%(?:2[146-9ABC]|3A|3D|40)/g, (octet) =>
    decodeURIComponent(octet),
  )
}

/** Equal for templates that match the same paths. */
export function shapeOf(segments: readonly SegmentPlan[]): string {
  return segments
    .map((segment) => {
      if (segment.kind === 'literal') return segment.text
      return segment.texts.join(segment.spans ? '{+}' : '{}')
    })
    .join('/')
}

/** Whether some path could match both; used between contracts, where no order decides. */
export function overlap(a: readonly SegmentPlan[], b: readonly SegmentPlan[]): boolean {
  const spans = (segments: readonly SegmentPlan[]) =>
    segments.some((segment) => segment.kind === 'parameter' && segment.spans)
  if (spans(a) || spans(b)) return compatible(a[0], b[0])
  return a.length === b.length && a.every((segment, index) => compatible(segment, b[index]))
}

function compatible(a: SegmentPlan | undefined, b: SegmentPlan | undefined): boolean {
  if (!a || !b) return false
  if (a.kind === 'literal' && b.kind === 'literal') return a.text === b.text
  if (a.kind === 'parameter' && b.kind === 'parameter') return true
  const [literal, parameter] = a.kind === 'literal' ? [a, b] : [b, a]
  if (literal.kind !== 'literal' || parameter.kind !== 'parameter') return true
  const { text } = literal
  return (
    text !== '' && text.startsWith(parameter.texts[0] ?? '') && text.endsWith(parameter.texts.at(-1) ?? '')
  )
}
