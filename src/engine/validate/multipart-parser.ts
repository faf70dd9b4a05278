import { readUtf8 } from '../../base/utf8.ts'
import { type ContentType, parseContentType } from './content-type.ts'

/** What a part says of itself. */
export interface PartHead {
  readonly name: string
  /** Null for a part that is no file. */
  readonly filename: string | null
  /** Null when it says nothing. */
  readonly contentType: ContentType | null
  /** `Content-Length` of the part; null when it has none. */
  readonly announcedBytes: number | null
}

/** Takes what the parser finds. Each answers what is wrong, in words for the client, or null. */
export interface PartTaker {
  begin(head: PartHead): string | null
  data(octets: Uint8Array): string | null
  end(): string | null
}

const boundaryForm = /^[A-Za-z0-9'()+_,\-./:=?]{1,70}$/
const maxHeadBytes = 8 * 1024
const maxParts = 256
const wrongBoundary = 'must be parts between the boundary'

/**
 * Takes a `multipart/form-data` body apart as it comes, and holds at most the head of one part.
 * INVARIANT: whatever two parsers could cut differently is refused: a preamble, an epilogue, blanks after the
 * boundary, the boundary with something behind it, line feeds alone, folded or repeated header fields.
 * @see RFC 2046 5.1.1, RFC 7578 4
 */
export class MultipartParser {
  readonly #taker: PartTaker
  readonly #delimiter: Buffer
  #state: 'start' | 'delimited' | 'head' | 'content' | 'closed' = 'start'
  #rest: Buffer = Buffer.alloc(0)
  #parts = 0

  private constructor(boundary: string, taker: PartTaker) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1')
    this.#taker = taker
  }

  /** @returns null when there is no boundary, or one that is none */
  static open({ parameters }: ContentType, taker: PartTaker): MultipartParser | null {
    const boundary = parameters.get('boundary') ?? ''
    return boundaryForm.test(boundary) ? new MultipartParser(boundary, taker) : null
  }

  push(octets: Uint8Array): string | null {
    const chunk = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength)
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    for (;;) {
      const step = this.#step(rest)
      if (typeof step === 'string') return step
      if (step === null) break
      rest = rest.subarray(step)
    }
    // A copy, lest a few octets keep a whole chunk.
    this.#rest = this.#state === 'content' ? this.#keep(rest) : Buffer.from(rest)
    return this.#fault
  }

  /** Nothing more comes. */
  end(): string | null {
    if (this.#state !== 'closed') return 'must end with the boundary'
    return this.#rest.length === 0 || this.#rest.equals(lineEnd) ? null : wrongBoundary
  }

  #fault: string | null = null

  /** @returns how many octets are done with; null to wait for more; what is wrong */
  #step(rest: Buffer): number | string | null {
    const { length } = this.#delimiter
    switch (this.#state) {
      case 'start':
        if (rest.length < length - 2) return null
        if (!rest.subarray(0, length - 2).equals(this.#delimiter.subarray(2))) return wrongBoundary
        this.#state = 'delimited'
        return length - 2
      case 'delimited':
        return this.#afterDelimiter(rest)
      case 'head':
        return this.#readHead(rest)
      case 'content': {
        const dashes = rest.indexOf(this.#delimiter.subarray(lineEnd.length))
        if (dashes < 0) return null
        const end = dashes - lineEnd.length
        // ATTACK: some parsers begin a part at a boundary after a line feed alone, a carriage return alone or an empty head.
        if (end < 0 || !rest.subarray(end, dashes).equals(lineEnd)) return wrongBoundary
        const wrong = (end > 0 ? this.#taker.data(rest.subarray(0, end)) : null) ?? this.#taker.end()
        if (wrong !== null) return wrong
        this.#state = 'delimited'
        return end + length
      }
      case 'closed':
        return rest.length > lineEnd.length ? wrongBoundary : null
    }
  }

  #afterDelimiter(rest: Buffer): number | string | null {
    if (rest.length < 2) return null
    const mark = rest.toString('latin1', 0, 2)
    if (mark === '--') this.#state = 'closed'
    else if (mark === '\r\n') this.#state = 'head'
    else return wrongBoundary
    if (this.#state === 'closed') return this.#parts === 0 ? wrongBoundary : 2
    return ++this.#parts > maxParts ? `must not have more than ${maxParts} parts` : 2
  }

  #readHead(rest: Buffer): number | string | null {
    const end = rest.indexOf('\r\n\r\n')
    if (end > maxHeadBytes || (end < 0 && rest.length > maxHeadBytes + 3))
      return 'must not have parts with long heads'
    if (end < 0) return null
    const head = readPartHead(rest.subarray(0, end))
    if (head === null) return 'must have parts with a head such as Content-Disposition: form-data; name="a"'
    const wrong = this.#taker.begin(head)
    if (wrong !== null) return wrong
    this.#state = 'content'
    return end + 4
  }

  /** Hands on all that cannot be the begin of a delimiter. */
  #keep(rest: Buffer): Buffer {
    const sure = rest.length - this.#delimiter.length + 1
    if (sure <= 0) return Buffer.from(rest)
    this.#fault = this.#taker.data(rest.subarray(0, sure))
    return Buffer.from(rest.subarray(sure))
  }
}

const lineEnd = Buffer.from('\r\n')
const field = /^([A-Za-z-]+):[ \t]*([^ \t].*)$/
const disposition = /^form-data((?:[ \t]*;[ \t]*[a-z]+=(?:[\w.-]+|"[^"\\]*"))+)$/i
const dispositionParameter = /([a-z]+)=(?:([\w.-]+)|"([^"\\]*)")/gi
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that are refused
const control = /[\x00-\x08\x0a-\x1f\x7f]/
const encodings = ['7bit', '8bit', 'binary']

function readPartHead(octets: Uint8Array): PartHead | null {
  const text = readUtf8(octets)
  const fields = new Map<string, string>()
  for (const line of text?.split('\r\n') ?? []) {
    const [, name = '', value = ''] =
      (control.test(line) ? null : field.exec(line.replace(/[ \t]+$/, ''))) ?? []
    const key = name.toLowerCase()
    if (name === '' || fields.has(key)) return null
    fields.set(key, value)
  }
  for (const name of fields.keys()) if (!knownFields.has(name)) return null
  // RFC 7578 4.7: encodings of transfer are deprecated, and were never decoded by most.
  if (!encodings.includes((fields.get('content-transfer-encoding') ?? 'binary').toLowerCase())) return null
  const named = readDisposition(fields.get('content-disposition') ?? '')
  const length = fields.get('content-length') ?? null
  if (!named || (length !== null && !/^\d{1,15}$/.test(length))) return null
  const type = fields.get('content-type') ?? null
  const contentType = type === null ? null : parseContentType(type)
  if (type !== null && contentType === null) return null
  return { ...named, contentType, announcedBytes: length === null ? null : Number(length) }
}

const knownFields: ReadonlySet<string> = new Set([
  'content-disposition',
  'content-type',
  'content-transfer-encoding',
  'content-length',
])

function readDisposition(value: string): Pick<PartHead, 'name' | 'filename'> | null {
  const match = disposition.exec(value)
  if (!match) return null
  const parameters = new Map<string, string>()
  for (const [, name = '', plain, quoted] of (match[1] as string).matchAll(dispositionParameter)) {
    const key = name.toLowerCase()
    if (parameters.has(key) || (key !== 'name' && key !== 'filename')) return null
    parameters.set(key, plain ?? quoted ?? '')
  }
  const name = parameters.get('name')
  const filename = parameters.get('filename') ?? null
  // ATTACK: CWE-22, names that lead elsewhere when a careless backend stores the file under them.
  if (filename !== null && (filename === '' || /^\.{1,2}$|\//.test(filename))) return null
  return name === undefined ? null : { name, filename }
}
