import { pointerTo } from '../base/pointer.ts'

interface Place {
  /** Offset of the key a value stands under; null in arrays and at the root. */
  readonly key: number | null
  readonly value: number
}

const token = /\s*(?:("(?:[^"\\]|\\.)*")|([{}[\],:])|([^\s{}[\],:"]+))/y
const indexedDepth = 3

/**
 * Finds lines and columns in a large JSON text that `JSON.parse` has accepted. Only the upper levels are indexed,
 * at the first question; what stands deeper is looked for from there.
 */
export class JsonPositions {
  readonly #text: string
  #lineStarts: readonly number[] | null = null
  #index: ReadonlyMap<string, Place> | null = null

  constructor(text: string) {
    this.#text = text
  }

  /** The place of a value, or of its nearest parent that exists. */
  find(pointer: string): Place {
    this.#index ??= scan(this.#text, 0, '', indexedDepth).places
    for (let candidate = pointer; ; candidate = candidate.slice(0, candidate.lastIndexOf('/'))) {
      const place = this.#index.get(candidate)
      if (!place) continue
      if (candidate === pointer) return place
      return this.#below(candidate, place, pointer)
    }
  }

  lineAndColumn(offset: number): { readonly line: number; readonly column: number } {
    this.#lineStarts ??= lineStartsOf(this.#text)
    let low = 0
    let high = this.#lineStarts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#lineStarts[middle] as number) <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - (this.#lineStarts[low] as number) + 1 }
  }

  /** Offset of the first key that stands twice in its object; null when there is none. */
  duplicateKey(): number | null {
    return scan(this.#text, 0, '', 0).duplicate
  }

  #below(base: string, start: Place, pointer: string): Place {
    const { places } = scan(this.#text, start.value, base, Number.POSITIVE_INFINITY)
    for (
      let candidate = pointer;
      candidate.length > base.length;
      candidate = candidate.slice(0, candidate.lastIndexOf('/'))
    ) {
      const place = places.get(candidate)
      if (place) return place
    }
    return start
  }
}

interface Level {
  readonly pointer: string | null
  readonly names: Set<string> | null
  index: number
  key: { readonly name: string; readonly offset: number } | null
}

/** Walks one value from its offset, noting the places of values down to a depth, and the first repeated key. */
function scan(
  text: string,
  from: number,
  base: string,
  maxDepth: number,
): { places: Map<string, Place>; duplicate: number | null } {
  const places = new Map<string, Place>()
  const levels: Level[] = []
  let duplicate: number | null = null
  token.lastIndex = from
  for (let match = token.exec(text); match; match = token.exec(text)) {
    const [whole, string, mark] = match
    const offset = match.index + whole.length - (string ?? mark ?? match[3] ?? '').length
    const level = levels.at(-1)
    if (mark === '}' || mark === ']') {
      levels.pop()
      if (levels.length === 0) break
    } else if (mark === ',') {
      if (level) {
        level.index++
        level.key = null
      }
    } else if (mark !== ':') {
      if (string !== undefined && level?.names && level.key === null) {
        const name = string.includes('\\') ? (JSON.parse(string) as string) : string.slice(1, -1)
        if (level.names.has(name)) duplicate ??= offset
        level.names.add(name)
        level.key = { name, offset }
        continue
      }
      const noted = levels.length <= maxDepth && level?.pointer !== null
      const pointer = !noted
        ? null
        : level
          ? pointerTo(level.pointer as string, level.key?.name ?? level.index)
          : base
      if (pointer !== null) places.set(pointer, { key: level?.key?.offset ?? null, value: offset })
      if (mark === '{' || mark === '[')
        levels.push({ pointer, names: mark === '{' ? new Set() : null, index: 0, key: null })
      else if (levels.length === 0) break
    }
  }
  return { places, duplicate }
}

function lineStartsOf(text: string): readonly number[] {
  const starts = [0]
  for (let next = text.indexOf('\n'); next >= 0; next = text.indexOf('\n', next + 1)) starts.push(next + 1)
  return starts
}
