import { toPointer } from '../../base/fault-pointer.ts'
import { isPrototypeName, type JsonFault, readJson } from '../../base/read-json.ts'
import { readUtf8 } from '../../base/utf8.ts'
import type { MultipartPlan, PartPlan } from '../../program/program.ts'
import type { Validator } from '../../schema/validator.ts'
import type { ContentReading } from './content.ts'
import type { ContentType } from './content-type.ts'
import { MultipartParser, type PartHead, type PartTaker } from './multipart-parser.ts'
import { whole } from './parameter-value.ts'
import { settle } from './settle.ts'
import { spelledReadings } from './spelled-value.ts'

/** A part with the validator of its content; null for files. */
export interface LinkedPart {
  readonly plan: PartPlan
  readonly validator: Validator | null
}

const maxDepth = 64
const maxFaults = 20
const maxFieldBytes = 1024 * 1024

/**
 * Reads a `multipart/form-data` body as it comes. Texts and JSON are kept and judged when their part ends, files are
 * counted and passed by, so that nothing is ever whole in memory but the fields.
 */
export class MultipartReading implements PartTaker {
  readonly #parts: ReadonlyMap<string, LinkedPart>
  readonly #toTheEnd: boolean
  readonly #value: Record<string, unknown> = Object.create(null)
  /** Octets of the part so far, in its first `#partBytes`; ATTACK: many tiny reads, each kept as an object. */
  #kept: Buffer = Buffer.alloc(0)
  #parser: MultipartParser | null = null
  /** Null between parts, and in one that was blamed: the rest of it is passed by. */
  #part: LinkedPart | null = null
  #head: PartHead | null = null
  #partBytes = 0
  #fieldBytes = 0
  #faults: readonly JsonFault[] = []

  private constructor(parts: ReadonlyMap<string, LinkedPart>, toTheEnd: boolean) {
    this.#parts = parts
    this.#toTheEnd = toTheEnd
  }

  /**
   * @param toTheEnd goes on after a fault, so that those of all parts are told; else the first ends it
   * @returns null when the media type has no boundary
   */
  static open(
    contentType: ContentType,
    parts: ReadonlyMap<string, LinkedPart>,
    toTheEnd: boolean,
  ): MultipartReading | null {
    const reading = new MultipartReading(parts, toTheEnd)
    reading.#parser = MultipartParser.open(contentType, reading)
    return reading.#parser === null ? null : reading
  }

  /** @returns what is wrong with what came so far; null when nothing is */
  push(octets: Uint8Array): readonly JsonFault[] | null {
    return this.#told(this.#parser?.push(octets) ?? null)
  }

  /** Nothing more comes: the value of the whole, with an empty text for each file. */
  finish(): ContentReading {
    const faults = this.#told(this.#parser?.end() ?? null) ?? this.#faults
    return faults.length > 0 ? { ok: false, faults } : { ok: true, value: this.#value }
  }

  begin(head: PartHead): string | null {
    const part = this.#parts.get(head.name) ?? null
    this.#part = part
    this.#head = head
    this.#partBytes = 0
    if (isPrototypeName(head.name)) return this.#blame(head.name, 'is not an acceptable name')
    if (!part) return this.#blame(head.name, 'is not a known field')
    if (!part.plan.list && Object.hasOwn(this.#value, head.name))
      return this.#blame(head.name, 'must not stand twice')
    const wrong = misdescribed(part.plan, head)
    return wrong === null ? null : this.#blame(head.name, wrong)
  }

  data(octets: Uint8Array): string | null {
    if (!this.#part) return null
    const { plan } = this.#part
    this.#partBytes += octets.length
    if (plan.kind === 'file') {
      return plan.maxBytes !== null && this.#partBytes > plan.maxBytes
        ? this.#blame(plan.name, `must have at most ${plan.maxBytes} octets`)
        : null
    }
    this.#fieldBytes += octets.length
    if (this.#fieldBytes > maxFieldBytes)
      return this.#blame(plan.name, `must leave the fields below ${maxFieldBytes} octets`)
    this.#keep(octets)
    return null
  }

  end(): string | null {
    if (!this.#part) return null
    const { plan, validator } = this.#part
    const announced = this.#head?.announcedBytes ?? null
    if (announced !== null && announced !== this.#partBytes)
      return this.#blame(plan.name, 'must be as long as its Content-Length')
    if (this.#partBytes < plan.minBytes)
      return this.#blame(plan.name, `must have at least ${plan.minBytes} octets`)
    const content = readPart(plan, this.#kept.subarray(0, this.#partBytes))
    const list = this.#value[plan.name] as unknown[] | undefined
    const path = plan.list ? [plan.name, String(list?.length ?? 0)] : [plan.name]
    const read = content.ok ? content : null
    const settled = read && validator ? settle(read, validator) : read
    // A part at fault has its place too, for what comes after it.
    if (!plan.list) this.#value[plan.name] = settled?.value
    else if (list) list.push(settled?.value)
    else this.#value[plan.name] = [settled?.value]
    if (!content.ok) return this.#blameAt(path, content.faults)
    return settled ? null : this.#blameAt(path, validator?.faults(content.value, maxFaults) ?? [])
  }

  #keep(octets: Uint8Array): void {
    const before = this.#partBytes - octets.length
    if (this.#partBytes > this.#kept.length) {
      const larger = Buffer.alloc(Math.max(this.#partBytes, this.#kept.length * 2))
      larger.set(this.#kept.subarray(0, before))
      this.#kept = larger
    }
    this.#kept.set(octets, before)
  }

  #blame(name: string, message: string): string | null {
    return this.#blameAt([name], [{ pointer: '', message }])
  }

  /** @returns what ends the reading; null to go on */
  #blameAt(path: readonly string[], faults: readonly JsonFault[]): string | null {
    const found = faults.map(({ pointer, message }) => ({ pointer: toPointer(path) + pointer, message }))
    this.#faults = [...this.#faults, ...found].slice(0, maxFaults)
    this.#part = null
    return this.#toTheEnd && this.#faults.length < maxFaults ? null : (faults[0]?.message ?? '')
  }

  #told(wrong: string | null): readonly JsonFault[] | null {
    if (wrong === null) return null
    const ofParts = this.#faults.length > 0 && (!this.#toTheEnd || this.#faults.length === maxFaults)
    return ofParts ? this.#faults : [...this.#faults, { pointer: '', message: wrong }]
  }
}

/** Makes the table of parts. @param compile of the schema of one part */
export function linkParts(
  plan: MultipartPlan,
  compile: (name: string, list: boolean) => Validator | null,
): ReadonlyMap<string, LinkedPart> {
  return new Map(
    plan.parts.map((part) => [
      part.name,
      { plan: part, validator: part.kind === 'file' ? null : compile(part.name, part.list) },
    ]),
  )
}

/**
 * What is wrong with how a part describes itself. A file name is what makes a part a file to most parsers, so a text
 * with one would slip past those who look for a field; browsers put one on JSON that is a Blob.
 */
function misdescribed(plan: PartPlan, { filename, contentType }: PartHead): string | null {
  if (plan.kind === 'file' && filename === null) return 'must be a file with a name'
  if (plan.kind === 'text' && filename !== null) return 'must not be a file'
  if (contentType === null) return null
  const { mediaType, parameters } = contentType
  const fits = plan.contentTypes.some((one) => one === '*/*' || one === mediaType || covers(one, mediaType))
  // RFC 7578 4.3: parts within parts are deprecated.
  if (
    !(fits || (plan.kind === 'file' && plan.contentTypes.length === 0)) ||
    mediaType.startsWith('multipart/')
  )
    return 'must be of the declared content type'
  const charset = parameters.get('charset') ?? 'utf-8'
  return plan.kind === 'file' || charset.toLowerCase() === 'utf-8' ? null : 'must be UTF-8'
}

function covers(range: string, mediaType: string): boolean {
  return range.endsWith('/*') && mediaType.startsWith(range.slice(0, -1))
}

function readPart(plan: PartPlan, octets: Uint8Array): ContentReading {
  if (plan.kind === 'file') return { ok: true, value: '' }
  if (plan.kind === 'json') {
    const read = readJson(octets, { maxDepth })
    return read.ok ? read : { ok: false, faults: [read.fault] }
  }
  const text = readUtf8(octets)
  return text === null
    ? { ok: false, faults: [{ pointer: '', message: 'must be UTF-8' }] }
    : { ok: true, ...whole(spelledReadings(text, plan.primitives)) }
}
