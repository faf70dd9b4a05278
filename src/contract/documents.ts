import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Json } from '../base/json.ts'
import { isJsonObject } from '../base/json.ts'
import { nearest } from '../base/nearest.ts'
import { pointerSteps } from '../base/pointer.ts'
import type { SourcePosition } from '../program/program.ts'
import type { SchemaLocation } from '../schema/lower.ts'
import type { Report } from './report.ts'
import { Section } from './section.ts'
import { readSource, type SourceFile } from './source.ts'

/** A part of a document and where it stands. */
export interface Located {
  readonly value: Json
  readonly at: SchemaLocation
}

const maxFiles = 256
const maxHops = 32

/**
 * The files of a contract. References are resolved within them and within files beside them; nothing is ever
 * fetched (attacks D12, H6). Each file is read once; their number and the length of chains are bounded.
 */
export class Documents {
  readonly #report: Report
  readonly #sources = new Map<string, SourceFile | null>()

  constructor(report: Report) {
    this.#report = report
  }

  /** Every file that was read. */
  get files(): readonly string[] {
    return [...this.#sources.keys()]
  }

  /** Reads a file, or answers null after a report at the place that names it. */
  open(file: string, named: SourcePosition): SourceFile | null {
    const known = this.#sources.get(file)
    if (known !== undefined) return known
    const source = this.#read(file, named)
    this.#sources.set(file, source)
    return source
  }

  position(at: SchemaLocation, part: 'key' | 'value' = 'value'): SourcePosition {
    return this.#sources.get(at.file)?.position(at.pointer, part) ?? { file: at.file, line: 1, column: 1 }
  }

  /** A mapping as a section to read, following references; undefined after a report. */
  section(located: Located): Section | undefined {
    const found = this.follow(located)
    const source = found && this.#sources.get(found.at.file)
    if (!found || !source) return undefined
    if (isJsonObject(found.value)) return new Section(source, found.at.pointer, found.value, this.#report)
    this.#report.error('value-invalid', this.position(found.at), 'this must be a mapping', 'write a mapping')
    return undefined
  }

  /** Follows `$ref`s until something else stands there. */
  follow(located: Located): Located | undefined {
    let current = located
    for (let hops = 0; hops < maxHops; hops++) {
      const ref = isJsonObject(current.value) ? current.value.$ref : undefined
      if (typeof ref !== 'string') return current
      const next = this.resolve(ref, current.at)
      if (!next) return undefined
      current = next
    }
    this.#report.error(
      'ref-circular',
      this.position(located.at),
      'this reference leads back to itself',
      'break the circle',
    )
    return undefined
  }

  /** One step of a reference. @see RFC 3986 5, RFC 6901 6 */
  resolve(ref: string, from: SchemaLocation): Located | null {
    const position = () => this.position(from)
    if (/^(?:[a-z][a-z0-9+.-]*:|\/\/)/i.test(ref)) {
      const fix = 'copy the document beside the contract and name the copy'
      this.#report.error('ref-remote', position(), 'remote references are never fetched', fix)
      return null
    }
    const hash = ref.indexOf('#')
    const path = decode(hash < 0 ? ref : ref.slice(0, hash))
    const fragment = decode(hash < 0 ? '' : ref.slice(hash + 1))
    if (path === null || fragment === null || (fragment !== '' && !fragment.startsWith('/'))) {
      this.#report.error(
        'ref-unresolved',
        position(),
        `${ref} is not a reference to a part of a file`,
        'write FILE#/json/pointer',
      )
      return null
    }
    const own = this.#sources.get(from.file)?.value
    if (path !== '' && isJsonObject(own) && own.$self !== undefined) {
      const fix = 'remove $self: files beside the document are found by their paths'
      this.#report.error(
        'ref-unresolved',
        position(),
        `${ref} would be relative to $self, which is not read`,
        fix,
      )
      return null
    }
    const file = path === '' ? from.file : resolve(dirname(from.file), path)
    const source = this.open(file, position())
    if (!source) return null
    return this.#lookUp(source, fragment, ref, position)
  }

  #lookUp(source: SourceFile, pointer: string, ref: string, position: () => SourcePosition): Located | null {
    let value: Json = source.value
    for (const step of pointerSteps(pointer)) {
      const parent: Json = value
      const child = Array.isArray(parent)
        ? parent[Number(step)]
        : isJsonObject(parent) && Object.hasOwn(parent, step)
          ? parent[step]
          : undefined
      if (child === undefined) {
        const meant = isJsonObject(parent) ? nearest(step, Object.keys(parent)) : null
        const fix = meant ? `did you mean ${meant}?` : 'name a part that exists'
        this.#report.error('ref-unresolved', position(), `${ref} leads nowhere: there is no ${step}`, fix)
        return null
      }
      value = child
    }
    return { value, at: { file: source.file, pointer } }
  }

  #read(file: string, named: SourcePosition): SourceFile | null {
    if (this.#sources.size >= maxFiles) {
      this.#report.error('ref-too-many', named, `over ${maxFiles} files`, 'join them')
      return null
    }
    try {
      const { source, diagnostics } = readSource(file, readFileSync(file, 'utf8'))
      for (const diagnostic of diagnostics) this.#report.add(diagnostic)
      return source
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      this.#report.error(
        'file-unreadable',
        named,
        `${file} ${code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`}`,
        'name a readable file',
      )
      return null
    }
  }
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
