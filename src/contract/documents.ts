import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Json } from '../base/json.ts'
import { isJsonObject } from '../base/json.ts'
import { nearest } from '../base/nearest.ts'
import { pointerSteps } from '../base/pointer.ts'
import type { SourcePosition } from '../program/program.ts'
import type { SchemaLocation } from '../schema/lower.ts'
import { locateIn, type Place, SchemaResources } from '../schema/resources.ts'
import type { Report } from './report.ts'
import { Section } from './section.ts'
import { readSource, type SourceFile } from './source.ts'

/** A part of a document and where it stands. */
export interface Located {
  readonly value: Json
  readonly at: SchemaLocation
}

/** Where a reference led. */
export interface Referred extends Located {
  /** The name, where it was a `$dynamicAnchor` that the reference found. */
  readonly dynamicAnchor: string | null
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
  readonly #resources = new Map<SourceFile, SchemaResources>()

  constructor(report: Report) {
    this.#report = report
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

  /** The schema resources of a file that was opened. */
  resourcesOf(file: string): SchemaResources {
    const source = this.#sources.get(file)
    if (!source) return new SchemaResources(null, pathToFileURL(file).href)
    const known = this.#resources.get(source)
    if (known) return known
    const resources = new SchemaResources(source.value, pathToFileURL(source.file).href)
    this.#resources.set(source, resources)
    return resources
  }

  /** One step of a reference. @see RFC 3986 5, RFC 6901 6, JSON Schema 2020-12 Core 8.2 */
  resolve(ref: string, from: SchemaLocation): Referred | null {
    const position = () => this.position(from)
    const place = this.resourcesOf(from.file).locate(ref, from.pointer)
    if (place.kind !== 'elsewhere') return this.#arrive(place, from.file, ref, position)
    const file = this.#fileOf(ref, place, from, position)
    if (file === null || !this.open(file, position())) return null
    const root = this.resourcesOf(file).around('')
    if (this.resourcesOf(from.file).around(from.pointer).isNamed && root.uri !== place.uri) {
      const fix = `write $id: ${place.uri} in ${file}, or refer to it from a schema without $id`
      this.#report.error('ref-remote', position(), `${ref} means ${place.uri}, which is never fetched`, fix)
      return null
    }
    return this.#arrive(locateIn(root, place.fragment), file, ref, position)
  }

  /** The file beside the referring one that a reference names; null after a report. */
  #fileOf(
    ref: string,
    { path, uri }: Extract<Place, { readonly kind: 'elsewhere' }>,
    from: SchemaLocation,
    position: () => SourcePosition,
  ): string | null {
    const resource = this.resourcesOf(from.file).around(from.pointer)
    if (/^(?:[a-z][a-z0-9+.-]*:|\/\/)/i.test(ref) || resource.pointer !== '') {
      const fix = 'copy the document beside the contract and name the copy'
      const message = `remote references are never fetched${uri === null || uri === ref ? '' : `: this one means ${uri}`}`
      this.#report.error('ref-remote', position(), message, fix)
      return null
    }
    const own = this.#sources.get(from.file)?.value
    if (isJsonObject(own) && own.$self !== undefined) {
      const fix = 'remove $self: files beside the document are found by their paths'
      const message = `${ref} would be relative to $self, which is not read`
      this.#report.error('ref-unresolved', position(), message, fix)
      return null
    }
    try {
      return resolve(dirname(from.file), decodeURIComponent(path))
    } catch {
      return this.#refuse(ref, 'it is not percent-encoded', position)
    }
  }

  #arrive(place: Place, file: string, ref: string, position: () => SourcePosition): Referred | null {
    const source = this.#sources.get(file)
    if (!source || place.kind === 'elsewhere') return null
    if (place.kind === 'nowhere') return this.#refuse(ref, place.why, position)
    const found = this.#lookUp(source, place.pointer, ref, position)
    return found && { ...found, dynamicAnchor: place.dynamicAnchor }
  }

  #refuse(ref: string, why: string, position: () => SourcePosition): null {
    const message = `${ref} is not a reference to a part of a file: ${why}`
    this.#report.error('ref-unresolved', position(), message, 'write FILE#/json/pointer')
    return null
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
    this.#report.looksAt(file)
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
