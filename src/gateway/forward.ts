import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { type Denial, deny } from '../engine/decision.ts'
import type { Journal } from '../engine/outcome.ts'
import { type Forwarding, Permit } from '../engine/permit.ts'
import { BodyCut, BodyRefused, type MessageBody } from '../wire/read-request.ts'
import { AnswerCheck } from './answer-check.ts'
import type { Upstreams } from './upstreams.ts'

export type UpstreamHead = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2]

/** Who takes the upstream's answer: the client's side of the exchange. */
export interface Receiver {
  /** What is found out about the answer is noted in it. */
  readonly journal: Journal
  head(status: number, headers: UpstreamHead): void
  /** @returns false when the client takes no more for now; `whenDrained` tells when it does */
  data(chunk: Buffer): boolean
  whenDrained(resume: () => void): void
  end(): void
  /** The upstream gave no answer, or broke it off. Nothing else is called after this. */
  fail(denial: Denial): void
}

/**
 * The only way to an upstream: it takes a permit. Redirects are not followed, nothing is retried but a request
 * without effect that met a connection the upstream was just closing (RFC 9110 9.2.2).
 *
 * @returns breaks the request off; its connection is not used again
 */
export function forward(
  permit: Permit,
  upstreams: Upstreams,
  body: MessageBody,
  receiver: Receiver,
): () => void {
  const forwarding = Permit.read(permit)
  const passage = new Passage(forwarding, upstreams.get(forwarding.upstream), body, receiver)
  passage.begin()
  return () => passage.cancel()
}

class Passage implements Dispatcher.DispatchHandler {
  readonly #forwarding: Forwarding
  readonly #pool: Dispatcher
  readonly #body: MessageBody
  readonly #receiver: Receiver
  #controller: Dispatcher.DispatchController | null = null
  #answered = false
  #cancelled = false
  #mayRetry: boolean

  constructor(forwarding: Forwarding, pool: Dispatcher, body: MessageBody, receiver: Receiver) {
    this.#forwarding = forwarding
    this.#pool = pool
    this.#body = body
    const { responses, method } = forwarding
    this.#receiver = responses ? new AnswerCheck(responses, method, receiver, () => this.cancel()) : receiver
    const safe = forwarding.method === 'GET' || forwarding.method === 'HEAD'
    this.#mayRetry = safe && forwarding.body.kind === 'none'
  }

  begin(): void {
    const { method, target, headers, timeoutMs, body } = this.#forwarding
    this.#pool.dispatch(
      {
        path: target,
        method: method as Dispatcher.HttpMethod,
        headers: bodyHeaders(headers, body),
        body: this.#openBody(),
        headersTimeout: timeoutMs,
      },
      this,
    )
  }

  cancel(): void {
    this.#cancelled = true
    this.#controller?.abort(cancelled)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#cancelled) controller.abort(cancelled)
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: UpstreamHead): void {
    if (status < 200) return
    this.#answered = true
    this.#receiver.head(status, headers)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#receiver.data(chunk)) return
    controller.pause()
    this.#receiver.whenDrained(() => controller.resume())
  }

  onResponseEnd(): void {
    this.#receiver.end()
  }

  onResponseError(_: unknown, error: Error): void {
    if (this.#cancelled) return
    if (this.#mayRetry && !this.#answered && isStaleConnection(error)) {
      this.#mayRetry = false
      this.begin()
      return
    }
    this.#receiver.fail(denialFor(error))
  }

  #openBody(): Uint8Array | Readable | null {
    const { body } = this.#forwarding
    if (body.kind === 'none') return null
    return body.kind === 'bytes' ? body.bytes : this.#body.stream(body.maxBytes, body.inspector)
  }
}

const cancelled = new Error('the client went away')

function bodyHeaders(headers: readonly string[], body: Forwarding['body']): string[] {
  const announced = body.kind === 'stream' ? body.contentLength : null
  return announced === null ? (headers as string[]) : [...headers, 'content-length', String(announced)]
}

/** Codes of undici and of the system by which a kept connection shows that its other end has let go of it. */
function isStaleConnection(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE'
}

/** What a failure of the upstream means to the client. The detail is for the operator. */
function denialFor(error: Error): Denial {
  if (error instanceof BodyRefused) return error.denial
  if (error instanceof BodyCut) {
    return error.kind === 'too_large'
      ? deny('forward', 'body_too_large', 'the streamed body went over its limit')
      : deny('forward', 'malformed_request', 'the streamed body broke off')
  }
  const { code = '' } = error as NodeJS.ErrnoException
  const detail = code === '' ? error.message : `${code}: ${error.message}`
  if (timeouts.has(code)) return deny('forward', 'upstream_timeout', detail)
  // undici gives no code when the very first octets are wrong.
  if (error.name === 'HTTPParserError' || invalidAnswers.has(code))
    return deny('forward', 'response_invalid', detail)
  if (code === 'UND_ERR_SOCKET' && error.message.startsWith('bad '))
    return deny('forward', 'response_invalid', detail)
  if (code === 'UND_ERR_INVALID_ARG') return deny('forward', 'internal', detail)
  return deny('forward', 'upstream_unreachable', detail)
}

const timeouts: ReadonlySet<string> = new Set([
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'ETIMEDOUT',
])
const invalidAnswers: ReadonlySet<string> = new Set([
  'UND_ERR_HEADERS_OVERFLOW',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
])
