import type { Readable } from 'node:stream'
import { type Dispatcher, errors } from 'undici'
import { codeOfError } from '../base/code-of-error.ts'
import { type Denial, deny } from '../engine/decision.ts'
import type { CallResult } from '../engine/forward/breaker.ts'
import type { Journal } from '../engine/outcome.ts'
import { type Forwarding, Permit } from '../engine/permit.ts'
import type { Priority } from '../program/program.ts'
import { BodyCut, BodyRefused, type MessageBody } from '../wire/read-request.ts'
import { AnswerCheck } from './answer-check.ts'
import type { Call, Turn } from './upstream.ts'
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
 * The only way to an upstream: it takes a permit. Redirects are not followed, nothing is retried but, once, a
 * request without effect whose connection the upstream closed before it answered, as where it was just letting go of it
 * (RFC 9110 9.2.2).
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
  const upstream = upstreams.get(forwarding.upstream)
  const passage = new Passage(forwarding, upstream.pool, body, receiver)
  const withdraw = upstream.enter(passage)
  return () => {
    withdraw()
    passage.cancel()
  }
}

class Passage implements Dispatcher.DispatchHandler, Call {
  readonly #forwarding: Forwarding
  readonly #pool: Dispatcher
  readonly #body: MessageBody
  readonly #receiver: Receiver
  #controller: Dispatcher.DispatchController | null = null
  #turn: Turn | null = null
  #answered = false
  #cancelled = false
  #settled = false
  #mayRetry: boolean
  #stream: Readable | null = null
  #answerTimer: NodeJS.Timeout | undefined

  constructor(forwarding: Forwarding, pool: Dispatcher, body: MessageBody, receiver: Receiver) {
    this.#forwarding = forwarding
    this.#pool = pool
    this.#body = body
    const { responses, method } = forwarding
    this.#receiver = responses ? new AnswerCheck(responses, method, receiver, () => this.cancel()) : receiver
    const safe = forwarding.method === 'GET' || forwarding.method === 'HEAD'
    this.#mayRetry = safe && forwarding.body.kind === 'none'
  }

  get priority(): Priority {
    return this.#forwarding.operation.priority
  }

  get requestId(): string {
    return this.#receiver.journal.requestId
  }

  send(turn: Turn): void {
    this.#turn = turn
    this.#begin()
  }

  refuse(denial: Denial): void {
    this.#receiver.fail(denial)
  }

  #begin(): void {
    const { method, target, headers, timeoutMs, body } = this.#forwarding
    this.#controller = null
    this.#awaitAnswer()
    this.#pool.dispatch(
      {
        path: target,
        method: method as Dispatcher.HttpMethod,
        headers: bodyHeaders(headers, body),
        body: this.#openBody(),
        headersTimeout: body.kind === 'stream' ? timeoutMs + tickMs : 0,
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
    else if (this.#stream) this.#stopWaiting()
  }

  onResponseStart(_: unknown, status: number, headers: UpstreamHead): void {
    if (status < 200) {
      if (this.#body.complete) this.#awaitAnswer()
      return
    }
    this.#stopWaiting()
    this.#answered = true
    this.#settle('answered')
    this.#receiver.head(status, headers)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#receiver.data(chunk)) return
    controller.pause()
    this.#receiver.whenDrained(() => controller.resume())
  }

  onResponseEnd(): void {
    this.#turn?.done()
    this.#receiver.end()
  }

  onResponseError(_: unknown, error: Error): void {
    if (!this.#cancelled && this.#mayRetry && !this.#answered && isStaleConnection(error)) {
      this.#mayRetry = false
      this.#begin()
      return
    }
    this.#stopWaiting()
    const denial = denialFor(error)
    this.#settle(this.#cancelled ? 'abandoned' : resultOf(denial))
    this.#turn?.done()
    if (!this.#cancelled) this.#receiver.fail(denial)
  }

  /**
   * The timeouts of undici are up to half a second early or a second late, and with each hint (1xx) it begins to wait anew.
   * Who is tried again has what is left. Until there is a connection nothing can be aborted: whoever waits is told, and the place
   * at the upstream is free when the attempt ends.
   */
  #awaitAnswer(): void {
    const end = () => {
      if (this.#answered || this.#cancelled) return
      if (this.#controller) return this.#controller.abort(new errors.HeadersTimeoutError())
      this.#cancelled = true
      this.#stream?.destroy(cancelled)
      this.#settle('failed')
      this.#receiver.fail(denialFor(new errors.ConnectTimeoutError()))
    }
    // An answer that lies there when the thread was late itself is read before.
    this.#answerTimer ??= setTimeout(() => setImmediate(end), this.#forwarding.timeoutMs)
  }

  #stopWaiting(): void {
    clearTimeout(this.#answerTimer)
    this.#answerTimer = undefined
  }

  /** Once: what comes after the head of the answer says nothing about whether the upstream answers. */
  #settle(result: CallResult): void {
    if (this.#settled) return
    this.#settled = true
    this.#turn?.settle(result)
  }

  #openBody(): Uint8Array | Readable | null {
    const { body } = this.#forwarding
    if (body.kind === 'none') return null
    if (body.kind === 'bytes') return body.bytes
    this.#stream = this.#body.stream(body.maxBytes, body.inspector)
    return this.#stream
  }
}

/** Of the clock of undici's timeouts, which counts the tick that was under way as a whole one. */
const tickMs = 499
const cancelled = new Error('nobody waits for it any more')

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
    switch (error.kind) {
      case 'too_large':
        return deny('forward', 'body_too_large', 'the streamed body went over its limit')
      case 'timeout':
        return deny('forward', 'request_timeout', 'the streamed body came too slowly')
      case 'aborted':
        return deny('forward', 'malformed_request', 'the streamed body broke off')
    }
  }
  const { code = '' } = error as NodeJS.ErrnoException
  const detail = codeOfError(error)
  if (timeouts.has(code)) return deny('forward', 'upstream_timeout', detail)
  // undici gives no code when the very first octets are wrong.
  if (error.name === 'HTTPParserError' || invalidAnswers.has(code))
    return deny('forward', 'response_invalid', detail)
  if (code === 'UND_ERR_SOCKET' && error.message.startsWith('bad '))
    return deny('forward', 'response_invalid', detail)
  if (code === 'UND_ERR_INVALID_ARG') return deny('forward', 'internal', detail)
  return deny('forward', 'upstream_unreachable', detail)
}

/** What a broken call says about the upstream: one that answers nonsense is there, and one that a client broke off says nothing. */
function resultOf({ reason }: Denial): CallResult {
  if (reason === 'upstream_unreachable' || reason === 'upstream_timeout') return 'failed'
  return reason === 'response_invalid' ? 'answered' : 'abandoned'
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
