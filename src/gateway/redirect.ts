import type { RequestListener } from 'node:http'
import { deny } from '../engine/decision.ts'
import type { LinkedProgram } from '../engine/link.ts'
import { normalizeTarget } from '../engine/normalize/normalize-target.ts'
import { openJournal } from '../engine/outcome.ts'
import { credentialFields } from '../engine/parse/credential-fields.ts'
import { parseHead } from '../engine/parse/parse-head.ts'
import type { Ending } from '../engine/record/ending.ts'
import { problemAnswer } from '../wire/problem.ts'
import { readRequest } from '../wire/read-request.ts'

const leaked =
  'This request carried a credential over plain HTTP: consider it leaked, revoke it, and use https.'
const notSafe = 'Only GET and HEAD are redirected; send this request to the https address.'

/**
 * Sends clients of plain HTTP to https: GET and HEAD without credentials. A request that carries a credential is
 * refused and told so, because a redirect would hide that its secret has leaked.
 *
 * @param origin the https origin for the `Host` a client named
 * @param linked the program in force: where its API keys stand, and how many fields a head may have
 * @see RFC 9110 15.4.9
 */
export function redirectTo(
  origin: (host: string) => string,
  linked: () => LinkedProgram,
  record: (end: Ending) => void,
): RequestListener {
  return (message, response) => {
    const startedMs = performance.now()
    const { request } = readRequest(message, response, {
      expectsContinue: false,
      pace: { graceMs: 0, bytesPerSecond: 1 },
    })
    const journal = openJournal(request)
    const { program, admission } = linked()
    const inKeys = credentialFields(program.schemes)
    const parsed = parseHead(request, inKeys, admission.plan.maxFields)
    const refusal = judge()
    const answer =
      refusal && problemAnswer(refusal.denial, journal, { encrypted: false }, refusal.explanation)
    const location = parsed.allow ? origin(parsed.value.host) + request.target : ''
    const fields = answer?.fields ?? [
      'Location',
      location,
      'X-Request-Id',
      journal.requestId,
      'Content-Length',
      '0',
    ]
    response.writeHead(answer?.status ?? 308, [...fields, 'Connection', 'close'])
    response.end(answer?.body)
    response.once('close', () =>
      record({
        journal,
        denial: refusal?.denial ?? null,
        status: response.statusCode,
        durationMs: performance.now() - startedMs,
        responseBytes: answer ? Buffer.byteLength(answer.body) : 0,
      }),
    )

    function judge() {
      if (!parsed.allow) return { denial: parsed, explanation: undefined }
      const { fields } = parsed.value
      const target = normalizeTarget(request.target)
      if (!target.allow) return { denial: target, explanation: undefined }
      const keys = Object.values(program.schemes).flatMap((plan) => (plan.kind === 'apiKey' ? [plan] : []))
      const inFields = ['authorization', 'proxy-authorization', 'cookie', ...inKeys]
      const inQuery = ['access_token', ...keys.flatMap((plan) => (plan.in === 'query' ? [plan.name] : []))]
      if (
        inFields.some((name) => fields.get(name) !== null) ||
        target.value.query.some(({ name }) => inQuery.includes(name))
      )
        return refused('a credential came over plain HTTP', leaked)
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return refused('only GET and HEAD are redirected to https', notSafe)
      return null
    }
  }
}

function refused(detail: string, explanation: string) {
  return { denial: deny('parse', 'malformed_request', detail), explanation }
}
