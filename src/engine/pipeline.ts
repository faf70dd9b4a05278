import { formatIp, type IpAddress } from '../base/ip.ts'
import type { RawRequest } from '../base/message.ts'
import { addressAllowed } from './admit/admission.ts'
import { admit } from './admit/admit.ts'
import { shed } from './admit/shed.ts'
import { authenticate } from './authenticate/authenticate.ts'
import { shownCertificate } from './authenticate/shown-certificate.ts'
import { showsCredential } from './authenticate/shows-credential.ts'
import { signIn } from './authenticate/sign-in.ts'
import { judgeStepUp } from './authenticate/step-up.ts'
import { authorize } from './authorize/authorize.ts'
import { allow, type Decision, type Denial, deny } from './decision.ts'
import { composeForwarding } from './forward/compose-forwarding.ts'
import { drawsFor, judgeTaken } from './limit/limit.ts'
import type { LinkedLimit } from './limit/limit-key.ts'
import { limiterUnavailable } from './limit/limiter-unavailable.ts'
import { leavePlaces, takePlaces } from './limit/places.ts'
import type { LinkedOperation, LinkedProgram } from './link.ts'
import { normalizeTarget } from './normalize/normalize-target.ts'
import type { Journal, Outcome, Reply } from './outcome.ts'
import type { Head } from './parse/head.ts'
import { judgeCookies } from './parse/judge-cookies.ts'
import { parseCookies } from './parse/parse-cookies.ts'
import { parseHead } from './parse/parse-head.ts'
import { requestIdOf } from './parse/request-id.ts'
import { readTraceContext } from './parse/trace-context.ts'
import { type BodyInspector, type ForwardedBody, Permit } from './permit.ts'
import type { Ports } from './ports.ts'
import { judgeIntent } from './record/judge-intent.ts'
import { intentOf } from './record/trail-entry.ts'
import { crossOrigin, preflightMethod } from './route/cross-origin.ts'
import { preflightFields } from './route/preflight.ts'
import { route } from './route/route.ts'
import { judgeRules } from './rules/rules.ts'
import { readBody } from './validate/read-body.ts'
import { expectBody, validateContent } from './validate/validate-body.ts'
import { validateParameters } from './validate/validate-parameters.ts'

/**
 * The way of a request. Each stage decides; the first denial is the answer; only the last line mints a permit.
 *
 * @param journal opened for this request; what becomes known on the way is noted in it, whatever the end
 * @returns the outcome; never rejects for anything a client sent, so a rejection is a defect and the caller answers
 * 500 without forwarding
 */
export async function pipeline(
  linked: LinkedProgram,
  ports: Ports,
  request: RawRequest,
  journal: Journal,
): Promise<Outcome> {
  const nowMs = request.receivedAtMs
  journal.program = linked.program

  // parse: one reading of the head
  journal.stageClock?.enter('parse')
  const parsed = parseHead(request, linked.credentialFields, linked.admission.plan.maxFields)
  if (!parsed.allow) return denial(parsed)
  const head = parsed.value
  journal.userAgent = head.fields.get('user-agent')

  // admit: who is at the door; the address pays before anything is computed for it
  journal.stageClock?.enter('admit')
  const admitted = admit(linked.admission, request.peer, head)
  if (!admitted.allow) return denial(admitted)
  const client = admitted.value
  noteClient(journal, client.address, head, client)
  const entered = takePlaces(linked.doorCaps, ports.places, journal, client.address, nowMs)
  if (!entered.allow) return notLetIn(entered)
  const door = takeAll(linked.doorLimits, 1, ports, journal, client.address, nowMs)
  const atTheDoor = door instanceof Promise ? await door : door
  if (!atTheDoor.allow) return notLetIn(atTheDoor)

  // normalize: one spelling of the target, matched and forwarded alike
  journal.stageClock?.enter('normalize')
  const normalizedTarget = normalizeTarget(request.target)
  if (!normalizedTarget.allow) return denial(normalizedTarget)
  const target = normalizedTarget.value

  // route: what the gateway answers itself, else the operation of the contract
  journal.stageClock?.enter('route')
  const cookies = parseCookies(head.fields)
  const own = linked.ownRoutes.get(target.path)
  if (own)
    return replyOf(
      await own(
        {
          method: request.method,
          target,
          fields: head.fields,
          cookies,
          body: request.body,
          receivedAtMs: nowMs,
        },
        ports,
      ),
    )
  const asked = preflightMethod(request.method, head.fields)
  if (asked !== null) {
    const preflighted = route(linked.routes, asked, target)
    const reply = preflighted.allow && preflight(preflighted.value.operation, head, journal)
    if (reply) return reply
  }
  const routed = route(linked.routes, request.method, target)
  if (!routed.allow) return denial(routed)
  const { operation, captured } = routed.value
  const { plan } = operation
  journal.operation = plan
  journal.captured = captured
  journal.crossOrigin = crossOrigin(plan.cors, head.fields)
  if (!addressAllowed(operation.addresses, client.address)) {
    return denial(deny('admit', 'address_denied', 'by the address lists of the operation'))
  }
  const malformed = judgeCookies(cookies, operation.cookies)
  if (malformed) return denial(malformed)

  // shed: what there is no time for is turned away before anything is computed for it, lowest priority first
  const inTime = shed(ports.load.lateness(), plan.priority, journal.requestId)
  if (!inTime.allow) return denial(inTime)

  // authenticate: who is calling
  journal.stageClock?.enter('authenticate')
  const certificate = shownCertificate(request.peer, head.fields, client, ports.certificates)
  if (!certificate.allow) return denial(certificate)
  const presented = {
    method: request.method,
    target,
    fields: head.fields,
    cookies,
    certificate: certificate.value,
    client,
  }
  const failures = showsCredential(operation, presented) ? [linked.failedAuthentications] : none
  const heard = takeAll(failures, 0, ports, journal, client.address, nowMs)
  const stillHeard = heard instanceof Promise ? await heard : heard
  if (!stillHeard.allow) return turnedAway(stillHeard)
  const judged = authenticate(operation.security, presented, ports, nowMs)
  const authenticated = judged instanceof Promise ? await judged : judged
  // What came later may have drawn meanwhile: in the past there would be fewer tokens than there are, or more.
  const waited = door instanceof Promise || heard instanceof Promise || judged instanceof Promise
  const drawsAtMs = waited ? ports.clock.nowMs() : nowMs
  if (!authenticated.allow && wasGuessed(authenticated)) {
    // Whoever was let in before the last token went is judged to the end; what it finds changes nothing for it, and is owed.
    const charged = takeAll(failures, 1, ports, journal, client.address, drawsAtMs)
    if (charged instanceof Promise) await charged
  }
  if (!authenticated.allow)
    return signIn(authenticated, request.method, target, head.fields) ?? denial(authenticated)
  const { principal } = authenticated.value
  journal.principal = principal
  const stepUp = judgeStepUp(plan.stepUp, authenticated.value, operation.security.schemes, nowMs)
  if (stepUp) return denial(stepUp)

  // limit: per caller and operation, all limits or none; places before tokens, for they can be given back
  journal.stageClock?.enter('limit')
  const placed = takePlaces(operation.caps, ports.places, journal, client.address, drawsAtMs)
  if (!placed.allow) return turnedAway(placed)
  const quota = takeAll(operation.limits, plan.cost, ports, journal, client.address, drawsAtMs)
  const withinQuota = quota instanceof Promise ? await quota : quota
  if (!withinQuota.allow) return turnedAway(withinQuota)

  // authorize: what keys are meant for, and the scopes of the contract
  journal.stageClock?.enter('authorize')
  const authorized = authorize(authenticated.value, operation.security.schemes, plan.id)
  if (!authorized.allow) return denial(authorized)

  // validate: parameters, then the body
  journal.stageClock?.enter('validate')
  const parameters = validateParameters(operation.parameters, {
    captured,
    query: target.query,
    fields: head.fields,
    cookies,
  })
  if (!parameters.allow && !tolerated(operation, journal, parameters)) return denial(parameters)
  const body = judgesBody(operation, head) ? await judgeBody(operation, head, request, journal) : noBody
  if (!body.allow) return denial(body)

  // rules: object-level authorization over the validated input
  journal.stageClock?.enter('rules')
  const ruled = judgeRules(operation.rules, {
    principal,
    parameters: parameters.allow ? parameters.value : null,
    body: body.value.content,
  })
  if (!ruled.allow) return denial(ruled)

  journal.stageClock?.enter('forward')
  const forwarding = composeForwarding(plan, operation.destination, {
    request,
    head,
    client,
    target,
    cookies,
    principal,
    upstreamCredential: authenticated.value.upstreamCredential ?? null,
    body: body.value.forwarded,
    responses: operation.responses,
    journal,
  })

  // record: what is on the audit trail is there before it happens
  if (plan.trail.records === 'all') {
    const intended = judgeIntent(plan.trail, await ports.trail.intend(intentOf(journal)), journal)
    if (!intended.allow) return denial(intended)
  }
  return { kind: 'permit', permit: Permit.mint(forwarding) }

  /** A page reads nothing of an answer that does not name its origin, and would not learn when to come again (Fetch 3.3). */
  function notLetIn(found: Denial): Outcome {
    if (head.fields.get('origin') === null) return turnedAway(found)
    const asked = normalizeTarget(request.target)
    const meant = asked.allow ? route(linked.routes, request.method, asked.value) : asked
    if (meant.allow) journal.crossOrigin = crossOrigin(meant.value.operation.plan.cors, head.fields)
    return turnedAway(found)
  }

  /** Whoever a limit denies holds no place under any cap. */
  function turnedAway(found: Denial): Outcome {
    leavePlaces(journal, ports.places)
    return denial(found)
  }
}

/** Draws from every limit at once, and notes the quotas for the answer whatever comes of it. */
function takeAll(
  limits: readonly LinkedLimit[],
  cost: number,
  ports: Ports,
  journal: Journal,
  address: IpAddress,
  nowMs: number,
): Decision<null> | Promise<Decision<null>> {
  if (limits.length === 0) return nothingToTake
  if (cost === 0 && limits.every(({ plan }) => ports.counters.mayDeny?.(plan, nowMs) === false))
    return nothingToTake
  const operationId = journal.operation?.id ?? null
  const draws = drawsFor(limits, { address, principal: journal.principal, operationId }, cost, (detail) =>
    journal.limitFallbacks.push(detail),
  )
  const taken = ports.counters.take(draws, nowMs)
  if (taken instanceof Promise) return taken.then(note)
  return note(taken)

  function note(answer: Awaited<typeof taken>): Decision<null> {
    // What was only asked is told where it denies.
    if (cost > 0 || !answer.allowed)
      for (const [index, state] of answer.states.entries())
        journal.quotas.push({ limit: (limits[index] as LinkedLimit).plan, state })
    if (answer.outage) return limiterUnavailable(answer.outage)
    return judgeTaken(draws, answer, journal.requestId)
  }
}
const nothingToTake = allow(null)
const none: readonly LinkedLimit[] = []

/** A credential that nobody issued, or not any more. A session that ended is mended by signing in, and is no guess. */
function wasGuessed({ reason, client }: Denial): boolean {
  return reason === 'credential_invalid' && client !== null && !('signIn' in client)
}

interface JudgedBody {
  readonly forwarded: ForwardedBody
  /** The validated value, for rules; null when there is none, undefined when it is unseen or not valid. */
  readonly content: unknown
}
const noBody: Decision<JudgedBody> = allow({ forwarded: { kind: 'none' }, content: null })

/** Whether there is a body to judge, or the lack of one. */
function judgesBody({ plan }: LinkedOperation, { hasBody, fields }: Head): boolean {
  return hasBody || plan.body?.required === true || fields.get('content-encoding') !== null
}

/** What of the body is forwarded: the validated bytes, an opaque stream, or nothing. */
async function judgeBody(
  operation: LinkedOperation,
  head: Head,
  request: RawRequest,
  journal: Journal,
): Promise<Decision<JudgedBody>> {
  const maxBytes = operation.plan.maxBodyBytes
  const expected = expectBody(operation.body, head, maxBytes)
  if (!expected.allow) {
    if (!tolerated(operation, journal, expected)) return expected
    return head.hasBody ? streamed(head, maxBytes, null) : noBody
  }
  if (expected.value.kind === 'none') return noBody
  if (expected.value.kind !== 'content') {
    const { inspector } = expected.value
    return streamed(head, maxBytes, inspector && tolerating(inspector, operation, journal))
  }
  const bytes = await readBody(request.body, maxBytes, head.contentLength)
  if (!bytes.allow) return bytes
  const valid = validateContent(expected.value, bytes.value, maxBytes)
  if (!valid.allow && !tolerated(operation, journal, valid)) return valid
  return allow({
    forwarded: { kind: 'bytes', bytes: bytes.value },
    content: valid.allow ? valid.value : undefined,
  })
}

function streamed(
  { contentLength }: Head,
  maxBytes: number,
  inspector: BodyInspector | null,
): Decision<JudgedBody> {
  return allow({ forwarded: { kind: 'stream', maxBytes, contentLength, inspector }, content: undefined })
}

/** After a fault that is only reported, nothing more is looked at. */
function tolerating(inspector: BodyInspector, operation: LinkedOperation, journal: Journal): BodyInspector {
  let reported = false
  const judge = (look: () => Denial | null): Denial | null => {
    const found = reported ? null : look()
    if (!found || !tolerated(operation, journal, found)) return found
    reported = true
    return null
  }
  return { push: (octets) => judge(() => inspector.push(octets)), end: () => judge(() => inspector.end()) }
}

/** `validate: report` lets faults of the input pass, noted. Sizes, and all other stages, are always enforced. */
function tolerated(operation: LinkedOperation, journal: Journal, found: Denial): boolean {
  if (operation.plan.validateRequests !== 'report' || found.reason === 'body_too_large') return false
  journal.reported.push(found)
  return true
}

function preflight(operation: LinkedOperation, head: Head, journal: Journal): Outcome | null {
  const allowed = crossOrigin(operation.plan.cors, head.fields)
  if (!allowed) return null
  journal.operation = operation.plan
  journal.crossOrigin = allowed
  const headers = preflightFields(operation.plan, operation.destination, head.fields)
  return { kind: 'reply', status: 204, headers, body: '' }
}

function noteClient(
  journal: Journal,
  address: IpAddress,
  head: Head,
  client: { readonly viaTrustedProxy: boolean; readonly forwardingIgnored: boolean },
): void {
  journal.clientAddress = formatIp(address)
  journal.forwardingIgnored = client.forwardingIgnored
  if (!client.viaTrustedProxy) return
  journal.requestId = requestIdOf(head.fields.get('x-request-id')) ?? journal.requestId
  const trace = readTraceContext(head.fields.get('traceparent'), head.fields.get('tracestate'))
  if (!trace) return
  journal.traceId = trace.traceId
  journal.parentSpanId = trace.parentId
  journal.traceSampled = trace.sampled
  journal.traceState = trace.state
}

function replyOf(decision: Decision<Reply>): Outcome {
  return decision.allow ? decision.value : denial(decision)
}

function denial(found: Denial): Outcome {
  return { kind: 'denial', denial: found }
}
