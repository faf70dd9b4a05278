import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
} from 'yaml'
import type { Json } from '../base/json.ts'
import { pointerSteps } from '../base/pointer.ts'
import type { SourcePosition } from '../program/program.ts'
import type { Diagnostic } from './diagnostic.ts'
import { JsonPositions } from './json-positions.ts'

/** A YAML or JSON file as a person wrote it: its value, and where each part of it stands. */
export interface SourceFile {
  /** Absolute path. */
  readonly file: string
  readonly value: Json
  /** Position of a value, or of the key it stands under; the nearest parent's when the pointer leads nowhere. */
  position(pointer: string, part?: 'key' | 'value'): SourcePosition
}

export interface SourceReading {
  readonly source: SourceFile | null
  readonly diagnostics: readonly Diagnostic[]
}

const maxBytes = 64 * 1024 ** 2
const maxAliases = 100

/** Reads YAML 1.2 or JSON. Duplicate keys, alias bombs, merge keys and several documents are refused. */
export function readSource(file: string, text: string): SourceReading {
  if (text.length > maxBytes) {
    return refuse(file, 1, 1, 'source-too-large', 'the file is larger than 64 MiB', 'split it')
  }
  return /^\s*[{[]/.test(text) && !file.endsWith('.yaml') && !file.endsWith('.yml')
    ? readJsonText(file, text)
    : readYaml(file, text)
}

function readJsonText(file: string, text: string): SourceReading {
  const positions = new JsonPositions(text)
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch (error) {
    const { message } = error as Error
    const { line, column } = positions.lineAndColumn(
      Number(/position (\d+)/.exec(message)?.[1] ?? text.length),
    )
    return refuse(
      file,
      line,
      column,
      'json-syntax',
      (message.split(/ in JSON|, "/)[0] as string).trim(),
      'mend the JSON',
    )
  }
  const duplicate = countMembersDiffer(text, value) ? positions.duplicateKey() : null
  if (duplicate !== null) {
    const { line, column } = positions.lineAndColumn(duplicate)
    return refuse(
      file,
      line,
      column,
      'key-duplicate',
      'this key stands twice in its object',
      'keep one of them',
    )
  }
  const position = (pointer: string, part: 'key' | 'value' = 'value'): SourcePosition => {
    const place = positions.find(pointer)
    return { file, ...positions.lineAndColumn(part === 'key' ? (place.key ?? place.value) : place.value) }
  }
  return { source: { file, value, position }, diagnostics: [] }
}

function countMembersDiffer(text: string, value: Json): boolean {
  let colons = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x22) {
      for (i++; i < text.length && text.charCodeAt(i) !== 0x22; i++) if (text.charCodeAt(i) === 0x5c) i++
    } else if (code === 0x3a) colons++
  }
  return colons !== countMembers(value)
}

function countMembers(value: Json): number {
  if (typeof value !== 'object' || value === null) return 0
  const children = Array.isArray(value) ? value : Object.values(value)
  let count = Array.isArray(value) ? 0 : children.length
  for (const child of children) count += countMembers(child as Json)
  return count
}

function readYaml(file: string, text: string): SourceReading {
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    version: '1.2',
    schema: 'core',
    uniqueKeys: true,
    merge: false,
  })
  const [document] = documents
  if (!document || 'empty' in documents)
    return refuse(file, 1, 1, 'source-empty', 'the file is empty', 'write something')
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  if (documents.length > 1) {
    const second = documents[1] as Document
    const { line, column } = at(second.range?.[0] ?? 0)
    return refuse(
      file,
      line,
      column,
      'yaml-documents',
      'a second document starts here',
      'keep one document a file',
    )
  }
  const errors = document.errors.map(({ pos, message, code }): Diagnostic => {
    const rule = code === 'DUPLICATE_KEY' ? 'key-duplicate' : 'yaml-syntax'
    const fix = rule === 'key-duplicate' ? 'keep one of them' : 'mend the YAML'
    return {
      severity: 'error',
      rule,
      position: { file, ...at(pos[0]) },
      message: (message.split(' at line')[0] as string).trim(),
      fix,
    }
  })
  if (errors.length > 0) return { source: null, diagnostics: errors }
  const hostile = findHostile(document as Document)
  if (hostile) {
    const { line, column } = at(hostile.offset)
    return refuse(file, line, column, hostile.rule, hostile.message, hostile.fix)
  }
  let value: Json
  try {
    value = document.toJS({ maxAliasCount: maxAliases }) as Json
  } catch {
    return refuse(
      file,
      1,
      1,
      'yaml-aliases',
      'aliases repeat too much of the document',
      'write references with $ref',
    )
  }
  const position = (pointer: string, part: 'key' | 'value' = 'value'): SourcePosition => {
    const offset =
      nearestKnown(pointer, (candidate) => yamlOffset(document as Document, candidate, part)) ?? 0
    return { file, ...at(offset) }
  }
  return { source: { file, value, position }, diagnostics: [] }
}

interface Hostile {
  readonly offset: number
  readonly rule: string
  readonly message: string
  readonly fix: string
}

/** ATTACK: H8, aliases that unfold without end; keys that JSON cannot have; nesting that exhausts the stack. */
function findHostile(document: Document): Hostile | null {
  let found: Hostile | null = null
  let aliases = 0
  visit(document, {
    Alias(_, node) {
      if (++aliases <= maxAliases) return undefined
      found = {
        offset: node.range?.[0] ?? 0,
        rule: 'yaml-aliases',
        message: `over ${maxAliases} aliases`,
        fix: 'write references with $ref',
      }
      return visit.BREAK
    },
    Pair(_, pair, path) {
      const key = pair.key as Node | null
      const offset = key?.range?.[0] ?? 0
      if (!isScalar(key) || key.value === null) {
        found = { offset, rule: 'yaml-key', message: 'a key must be a plain name', fix: 'quote it' }
      } else if (key.value === '<<' || key.value === '__proto__') {
        found = {
          offset,
          rule: 'yaml-key',
          message: `the key ${key.value} is not accepted`,
          fix: 'write the members out',
        }
      } else if (path.length > 256) {
        found = { offset, rule: 'source-too-deep', message: 'the document nests too deep', fix: 'flatten it' }
      }
      return found ? visit.BREAK : undefined
    },
  })
  return found
}

function yamlOffset(document: Document, pointer: string, part: 'key' | 'value'): number | undefined {
  let node: unknown = document.contents
  let key: Node | null = null
  for (const step of pointerSteps(pointer)) {
    if (isAlias(node)) node = node.resolve(document)
    key = null
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === step)
      if (!pair) return undefined
      key = pair.key as Node
      node = pair.value ?? pair.key
    } else if (isSeq(node)) node = node.items[Number(step)]
    else return undefined
  }
  const chosen = part === 'key' && key ? key : (node as Node | null | undefined)
  return chosen?.range?.[0]
}

function nearestKnown<T>(pointer: string, find: (candidate: string) => T | undefined): T | undefined {
  for (let candidate = pointer; ; candidate = candidate.slice(0, candidate.lastIndexOf('/'))) {
    const found = find(candidate)
    if (found !== undefined || candidate === '') return found
  }
}

function refuse(
  file: string,
  line: number,
  column: number,
  rule: string,
  message: string,
  fix: string,
): SourceReading {
  return {
    source: null,
    diagnostics: [{ severity: 'error', rule, position: { file, line, column }, message, fix }],
  }
}
