import { decode } from '../base/content-coding.ts'
import { placeOfError } from '../base/place-of-error.ts'
import { deny } from '../engine/decision.ts'
import {
  type ExpectedContent,
  judgeContentOf,
  judgeResponse,
  responseDenial,
  stripContentOf,
  type Unseen,
  undeclaredContent,
} from '../engine/validate/judge-response.ts'
import type { LinkedResponses } from '../engine/validate/link-responses.ts'
import type { Receiver, UpstreamHead } from './forward.ts'

type Judged = Extract<ExpectedContent, { readonly kind: 'judged' }>

/**
 * Stands between the upstream and the client and has the answer judged. Where faults are only reported, octets pass at
 * once and a copy is judged after the last; else the answer is held until it is judged, and what is held is what passes.
 * INVARIANT: at most `LinkedResponses.maxBytes` of an answer are held.
 */
export class AnswerCheck implements Receiver {
  readonly #responses: LinkedResponses
  readonly #method: string
  readonly #receiver: Receiver
  readonly #breakOff: () => void
  readonly #reports: boolean
  #status = 0
  /** Not yet passed on. */
  #headers: UpstreamHead | null = null
  #content: ExpectedContent = { kind: 'any' }
  #chunks: Buffer[] = []
  #heldBytes = 0
  #denied = false

  /** @param breakOff ends the upstream's answer; its connection is not used again */
  constructor(responses: LinkedResponses, method: string, receiver: Receiver, breakOff: () => void) {
    this.#responses = responses
    this.#method = method
    this.#receiver = receiver
    this.#breakOff = breakOff
    this.#reports = responses.mode === 'report'
  }

  get journal(): Receiver['journal'] {
    return this.#receiver.journal
  }

  head(status: number, headers: UpstreamHead): void {
    this.#status = status
    const content = this.#guarded(() => this.#judgeHead(headers)) ?? this.#content
    if (this.#denied) return this.#breakOff()
    this.#content = content
    if (!this.#reports && (content.kind === 'judged' || content.kind === 'none')) this.#headers = headers
    else if (this.#responses.mode === 'strip' && this.#responses.whole && this.#method === 'HEAD')
      this.#receiver.head(status, rewritten(headers, null))
    else this.#receiver.head(status, headers)
  }

  data(chunk: Buffer): boolean {
    if (this.#denied) return true
    const { kind } = this.#content
    if (kind === 'none') {
      this.#content = { kind: 'any' }
      if (!this.#tolerates([undeclaredContent])) {
        this.#breakOff()
        return true
      }
    } else if (kind === 'judged') {
      const more = this.#reports ? this.#receiver.data(chunk) : true
      this.#hold(chunk)
      return more
    }
    return this.#receiver.data(chunk)
  }

  whenDrained(resume: () => void): void {
    this.#receiver.whenDrained(resume)
  }

  end(): void {
    const content = this.#content
    if (this.#denied) return
    if (this.#reports) {
      this.#receiver.end()
      if (content.kind === 'judged') this.#guarded(() => this.#report(content))
    } else if (content.kind === 'judged') this.#guarded(() => this.#release(content))
    else {
      if (this.#headers) this.#receiver.head(this.#status, this.#headers)
      this.#receiver.end()
    }
  }

  fail(denial: Parameters<Receiver['fail']>[0]): void {
    if (!this.#denied) this.#receiver.fail(denial)
  }

  #judgeHead(headers: UpstreamHead): ExpectedContent {
    const { faults, content } = judgeResponse(this.#responses, this.#method, this.#status, headers)
    if (faults.length > 0) this.#tolerates(faults)
    else if (content.kind === 'unseen') this.#passUnseen(content.why)
    return content
  }

  #hold(chunk: Buffer): void {
    this.#heldBytes += chunk.length
    this.#chunks.push(chunk)
    if (this.#heldBytes <= this.#responses.maxBytes) return
    this.#chunks = []
    this.#content = { kind: 'any' }
    this.#passUnseen('too_large')
    if (this.#denied) this.#breakOff()
  }

  #report(content: Judged): void {
    const bytes = this.#decoded(content)
    if (!bytes) return
    const faults = judgeContentOf(content.content, bytes)
    if (faults.length > 0) this.#tolerates(faults)
  }

  #release(content: Judged): void {
    const bytes = this.#decoded(content)
    if (!bytes) return
    if (this.#responses.mode === 'strip') {
      const stripped = stripContentOf(content.content, bytes)
      if (!stripped.ok) return void this.#tolerates(stripped.faults)
      this.journal.answerStripped = stripped.members
      return this.#pass(stripped.bytes, stripped.members > 0 || content.coding !== null)
    }
    const faults = judgeContentOf(content.content, bytes)
    if (faults.length === 0 || this.#tolerates(faults)) this.#pass(bytes, content.coding !== null)
  }

  /** @param changed these are not the octets that the upstream sent */
  #pass(bytes: Uint8Array, changed: boolean): void {
    const headers = this.#headers as UpstreamHead
    this.#receiver.head(this.#status, changed ? rewritten(headers, bytes.length) : headers)
    this.#receiver.data(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    this.#receiver.end()
  }

  #decoded({ coding }: Judged): Uint8Array | null {
    const bytes = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks)
    this.#chunks = []
    const decoded = coding === null ? bytes : decode(coding, bytes, this.#responses.maxBytes)
    if (decoded === 'too_large') this.#passUnseen('too_large')
    else if (decoded === 'broken') this.#tolerates([`the content is not one stream of ${coding}`])
    else return decoded
    return null
  }

  #passUnseen(why: Unseen): void {
    this.journal.answerUnseen = why
    if (!this.#reports) this.#tolerates([`its content cannot be judged: ${why}`])
  }

  /** @returns whether the answer goes on; else the client has been told */
  #tolerates(faults: readonly string[]): boolean {
    const denial = responseDenial(this.#status, faults)
    if (this.#reports) this.journal.reported.push(denial)
    else {
      this.#denied = true
      this.#receiver.fail(denial)
    }
    return this.#reports
  }

  /** A defect of the judgement never lets through what was to be enforced, nor stops what was only to be reported. */
  #guarded<T>(judge: () => T): T | null {
    try {
      return judge()
    } catch (error) {
      const denial = deny('response', 'internal', placeOfError(error))
      if (this.#reports) this.journal.reported.push(denial)
      else {
        this.#denied = true
        this.#receiver.fail(denial)
      }
      return null
    }
  }
}

/** What tells about the octets as the upstream sent them (RFC 9110 8.8.3 and 14.3, RFC 9530, RFC 1864). */
const aboutOctets: ReadonlySet<string> = new Set([
  'accept-ranges',
  'content-digest',
  'content-encoding',
  'content-length',
  'content-md5',
  'digest',
  'etag',
  'repr-digest',
])

/** @param length of the content that goes instead; null when none goes (HEAD) and it is not known */
function rewritten(headers: UpstreamHead, length: number | null): UpstreamHead {
  const kept = Object.fromEntries(Object.entries(headers).filter(([name]) => !aboutOctets.has(name)))
  return length === null ? kept : { ...kept, 'content-length': String(length) }
}
