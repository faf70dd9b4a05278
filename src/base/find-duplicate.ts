import { toPointer } from './fault-pointer.ts'

const token = /\s*(?:("(?:[^"\\]|\\.)*")|([{}[\],:])|([^\s{}[\],:"]+))/y

interface Level {
  /** Names seen so far; null in an array. */
  readonly names: Set<string> | null
  step: string
  index: number
}

/**
 * Finds the first member that stands twice in its object, in a text that `JSON.parse` has accepted.
 * @returns its JSON Pointer, or '' when there is none
 */
export function findDuplicate(text: string): string {
  const levels: Level[] = []
  let atName = false
  token.lastIndex = 0
  for (let match = token.exec(text); match; match = token.exec(text)) {
    const [, string, mark] = match
    const level = levels.at(-1)
    if (mark === '{' || mark === '[') {
      levels.push({ names: mark === '{' ? new Set() : null, step: '0', index: 0 })
      atName = mark === '{'
    } else if (mark === '}' || mark === ']') {
      levels.pop()
      atName = false
    } else if (mark === ',' && level) {
      if (level.names === null) level.step = String(++level.index)
      atName = level.names !== null
    } else if (string !== undefined && atName && level?.names) {
      const name = JSON.parse(string) as string
      level.step = name
      if (level.names.has(name)) return toPointer(levels.map(({ step }) => step))
      level.names.add(name)
      atName = false
    }
  }
  return ''
}
