import type { Json, JsonObject } from '../base/json.ts'
import { isJsonObject } from '../base/json.ts'
import { nearest } from '../base/nearest.ts'
import { pointerTo } from '../base/pointer.ts'
import type { SourcePosition } from '../program/program.ts'
import type { Report } from './report.ts'
import type { SourceFile } from './source.ts'

/**
 * One mapping of a file under reading. Every reader answers the value, or undefined after reporting what is wrong
 * with it and where; unknown keys are errors that name the nearest known one (attack A26).
 */
export class Section {
  readonly source: SourceFile
  readonly pointer: string
  readonly value: JsonObject
  readonly report: Report

  constructor(source: SourceFile, pointer: string, value: JsonObject, report: Report) {
    this.source = source
    this.pointer = pointer
    this.value = value
    this.report = report
  }

  /** Reports keys that are not known; `x-` keys pass where extensions may stand. */
  expect(keys: readonly string[], extensions: 'extensions' | 'closed' = 'closed'): this {
    for (const key of Object.keys(this.value)) {
      if (
        keys.includes(key) ||
        (extensions === 'extensions' && key.startsWith('x-') && key !== 'x-portcullis')
      )
        continue
      const meant = nearest(key, keys)
      this.problem(
        key,
        'key-unknown',
        `${key} is not a known key here`,
        meant ? `did you mean ${meant}?` : `known keys: ${keys.join(', ')}`,
      )
    }
    return this
  }

  has(key: string): boolean {
    return Object.hasOwn(this.value, key)
  }

  get(key: string): Json | undefined {
    return this.has(key) ? this.value[key] : undefined
  }

  position(key?: string, part: 'key' | 'value' = 'value'): SourcePosition {
    return this.source.position(key === undefined ? this.pointer : pointerTo(this.pointer, key), part)
  }

  problem(key: string, rule: string, message: string, fix: string): undefined {
    this.report.error(rule, this.position(key, rule === 'key-unknown' ? 'key' : 'value'), message, fix)
    return undefined
  }

  /** Reports that the value of a key is not what is wanted. */
  wrong(key: string, wanted: string): undefined {
    return this.problem(key, 'value-invalid', `${key} must be ${wanted}`, `write ${wanted}`)
  }

  require(key: string, wanted: string): boolean {
    if (this.has(key)) return true
    this.report.error('key-missing', this.position(), `${key} is missing`, `write ${key}: ${wanted}`)
    return false
  }

  text(key: string): string | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    return typeof value === 'string' && value !== '' ? value : this.wrong(key, 'a text')
  }

  flag(key: string): boolean | undefined {
    const value = this.get(key)
    return value === undefined || typeof value === 'boolean' ? value : this.wrong(key, 'true or false')
  }

  integer(key: string, least: number, most: number): number | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    const fits = Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
    return fits ? (value as number) : this.wrong(key, `a whole number from ${least} to ${most}`)
  }

  choice<T extends string>(key: string, choices: readonly T[]): T | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    if (choices.includes(value as T)) return value as T
    const meant = typeof value === 'string' ? nearest(value, choices) : null
    return this.problem(
      key,
      'value-invalid',
      `${key} must be one of ${choices.join(', ')}`,
      meant ? `did you mean ${meant}?` : `write ${choices.join(' or ')}`,
    )
  }

  /** A text that a parser of the base understands, such as a duration. */
  parsed<T>(key: string, parse: (text: string) => T | null, wanted: string): T | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    return (typeof value === 'string' ? parse(value) : null) ?? this.wrong(key, wanted)
  }

  /** A list of texts; one text stands for a list of one. */
  texts(key: string): readonly string[] | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    const list = Array.isArray(value) ? value : [value]
    return list.every((item) => typeof item === 'string' && item !== '')
      ? (list as string[])
      : this.wrong(key, 'a text or a list of texts')
  }

  child(key: string): Section | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    if (isJsonObject(value)) return new Section(this.source, pointerTo(this.pointer, key), value, this.report)
    return this.wrong(key, 'a mapping')
  }

  /** Mappings by name. */
  members(key: string): readonly (readonly [name: string, section: Section])[] {
    const parent = this.child(key)
    if (!parent) return []
    return Object.keys(parent.value).flatMap((name) => {
      const section = parent.child(name)
      return section ? [[name, section] as const] : []
    })
  }

  /** A list of mappings. */
  items(key: string): readonly Section[] | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    if (!Array.isArray(value)) return this.wrong(key, 'a list')
    const pointer = pointerTo(this.pointer, key)
    return value.flatMap((item: Json, index) => {
      const at = pointerTo(pointer, index)
      if (isJsonObject(item)) return [new Section(this.source, at, item, this.report)]
      this.report.error(
        'value-invalid',
        this.source.position(at),
        `every item of ${key} must be a mapping`,
        'write a mapping',
      )
      return []
    })
  }
}
