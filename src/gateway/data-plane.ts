import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { maxTimerMs } from '../base/duration.ts'
import { parseIp } from '../base/ip.ts'
import type { Peer } from '../base/message.ts'
import { placeOfError } from '../base/place-of-error.ts'
import { type Member, Roster } from '../base/roster.ts'
import { isTrusted } from '../engine/admit/client-address.ts'
import { overloaded } from '../engine/admit/shed.ts'
import { type Denial, deny } from '../engine/decision.ts'
import { endPlaces } from '../engine/limit/places.ts'
import type { LinkedProgram } from '../engine/link.ts'
import { type Journal, openJournal } from '../engine/outcome.ts'
import { pipeline } from '../engine/pipeline.ts'
import type { Ports } from '../engine/ports.ts'
import type { Ending } from '../engine/record/ending.ts'
import type { Bounds } from '../program/settings.ts'
import type { BodyPace } from '../wire/body-pace.ts'
import { peerOf, readRequest } from '../wire/read-request.ts'
import { type ConnectionCounts, countConnections, endOf } from './connections.ts'
import { CountingDoor, whyUnserved } from './door.ts'
import { Exchange } from './exchange.ts'
import { expectTaking } from './expect-taking.ts'
import { LoopLoad } from './loop-load.ts'
import { denialForClientError, refuse } from './refusal.ts'
import type { Upstreams } from './upstreams.ts'

/** Everything that is swapped at once on reload. A request keeps what was in force when it came. */
export interface InForce {
  readonly linked: LinkedProgram
  /** How late the thread is, the data plane knows itself. */
  readonly ports: Omit<Ports, 'load'>
  readonly upstreams: Upstreams
  /** Lets go of what it holds, once nothing is under way in it any more. */
  release(): Promise<void>
}

export interface DataPlaneParts {
  readonly record: (end: Ending) => void
  /** Where traces are wanted: decides whether this one is, and brings a clock. */
  readonly followTrace?: ((journal: Journal, peer: Peer) => void) | null
  /** Shared by the threads of a process; each counts for itself where it is left out. */
  readonly connections?: ConnectionCounts
  /** A defect of ours; the request it met was answered 500, or its connection ended. */
  readonly onDefect: (error: unknown, requestId: string) => void
  /** A connection could not be taken. */
  readonly onMissedConnection: (error: Error) => void
}

/** What is known of a connection. */
interface Latest extends Member {
  /** The latest exchange, while it lasts. */
  exchange: Exchange | null
  /** Exchanges, the latest and those it waits behind: one that is dropped leaves before these. */
  underWay: number
  requests: number
  /** What comes after so many is no request: it could not be read, or the answer to the last of them closes (RFC 9112 9.6). */
  last: number
  readonly stream: Duplex
  /** How many requests there had been when it was last looked at, and how often there were no more since; see `#endIdle`. */
  seen: number
  inVain: number
}

/** Within the time that a connection may be idle. */
const idleLooks = 4

interface Generation {
  readonly inForce: InForce
  readonly ports: Ports
  inFlight: number
  retired: boolean
}

/** Takes requests from listeners, has them judged, and sends the permitted ones on. */
export class DataPlane {
  readonly #parts: DataPlaneParts
  /** Under way on any connection. */
  readonly #exchanges = new Roster<Exchange>()
  readonly #latest = new WeakMap<Duplex, Latest>()
  /** Open ones that have had a request. */
  readonly #used = new Roster<Latest>()
  #idleTimer: NodeJS.Timeout | null = null
  readonly #load: LoopLoad
  readonly #bounds: Bounds
  readonly #pace: BodyPace
  readonly door: CountingDoor
  #generation: Generation
  #closing = false

  constructor(inForce: InForce, parts: DataPlaneParts, bounds: Bounds) {
    // The one that asks is in flight itself.
    this.#load = new LoopLoad(bounds.queueDelayMs, () => (this.inFlight - 1) / bounds.requests)
    this.#bounds = bounds
    this.#pace = { graceMs: bounds.bodyTimeoutMs, bytesPerSecond: bounds.bodyBytesPerSecond }
    const counts = parts.connections ?? countConnections(bounds)
    this.door = new CountingDoor(counts, this.#load, (address) => this.isTrustedPeer(address))
    this.#generation = this.#generationOf(inForce)
    this.#parts = parts
  }

  get inForce(): InForce {
    return this.#generation.inForce
  }

  get inFlight(): number {
    return this.#exchanges.size
  }

  /** Requests under way keep what was in force when they came; it is released after the last of them. */
  swap(next: InForce): void {
    const before = this.#generation
    this.#generation = this.#generationOf(next)
    before.retired = true
    closeWhenIdle(before)
  }

  /** The other ends of the connections on which something is under way. */
  busyEnds(): ReadonlySet<string> {
    return new Set(Array.from(this.#exchanges, ({ socket }) => endOf(socket)))
  }

  /** From now on the answer to the latest request of a connection is the last there. */
  close(): void {
    this.#closing = true
  }

  isTrustedPeer(address: string): boolean {
    const parsed = parseIp(address)
    return parsed !== null && isTrusted(parsed, this.inForce.linked.admission.trustedProxies)
  }

  /** @param expectsContinue the client waits for 100 before it sends its body */
  serve(message: IncomingMessage, response: ServerResponse, expectsContinue = false): void {
    const generation = this.#generation
    const { inForce } = generation
    const { socket } = message
    this.#load.arrived()
    const latest = this.#latestOf(socket)
    if (latest.requests >= latest.last) return
    const nth = ++latest.requests
    const { request, body } = readRequest(message, response, { expectsContinue, pace: this.#pace })
    const journal = openJournal(request)
    this.#parts.followTrace?.(journal, request.peer)
    const style = {
      encrypted: request.peer.encrypted,
      // In a stop too, an answer that others wait behind lets them out.
      closing: () => nth === latest.last || (this.#closing && nth === latest.requests),
      onLast: () => {
        latest.last = Math.min(nth, latest.last)
      },
      answerTimeoutMs: this.#bounds.answerTimeoutMs,
      onDefect: this.#parts.onDefect,
    }
    generation.inFlight++
    latest.underWay++
    const exchange = new Exchange(message, response, body, journal, style, (end) => {
      this.#exchanges.delete(exchange)
      generation.inFlight--
      endPlaces(journal, generation.ports.places)
      latest.underWay--
      if (latest.exchange === exchange) latest.exchange = null
      if (generation.retired) closeWhenIdle(generation)
      this.#parts.record(end)
    })
    this.#exchanges.add(exchange)
    latest.exchange = exchange
    if (this.inFlight > this.#bounds.requests)
      return exchange.deny(overloaded('admit', 'as many requests as may be are in flight', journal.requestId))
    // The one place where a bug becomes an answer; nothing was forwarded, or it is broken off.
    const breakDown = (error: unknown) => {
      this.#parts.onDefect(error, journal.requestId)
      exchange.breakDown(deny('forward', 'internal', placeOfError(error)))
    }
    pipeline(inForce.linked, generation.ports, request, journal)
      .then((outcome) => {
        // ATTACK: E1, E2, it was in hand already when what is before it turned out not to be trusted.
        if (nth > latest.last) exchange.drop()
        else if (outcome.kind === 'permit') exchange.pass(outcome.permit, inForce.upstreams)
        else if (outcome.kind !== 'denial') exchange.reply(outcome)
        else if (outcome.denial.reason !== 'overloaded') exchange.deny(outcome.denial)
        else this.#load.turnAway(() => exchange.deny(outcome.denial), breakDown)
      })
      .catch(breakDown)
  }

  /** For a listener whose every answer closes: @returns false for what comes behind it, which is no request (RFC 9112 9.6) */
  answersOnce(socket: Socket): boolean {
    const latest = this.#latestOf(socket)
    if (latest.requests > 0) return false
    latest.requests = latest.last = 1
    return true
  }

  /** The HTTP library could not read what came. */
  refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
    const exchange = this.#latest.get(socket)?.exchange ?? null
    const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
    if (exchange && !exchange.received) return exchange.breakOff(late ? 'timeout' : 'aborted')
    const unserved = whyUnserved(error, socket as Socket)
    if (unserved !== null) this.door.unserved(unserved)
    const denial = unserved === null ? denialForClientError(error) : null
    if (!denial) return void socket.destroy()
    this.#refuse(socket as Socket, socket, '_OTHER', denial)
  }

  /** Answers, unless an earlier request of this connection is still being answered: its answer is not written into. */
  #refuse(socket: Socket, stream: Duplex, method: string, denial: Denial): void {
    const latest = this.#latestOf(socket)
    // Each packet of what cannot be read is told of anew; once is enough, and the answer is on its way.
    if (latest.requests >= latest.last) return
    const { exchange } = latest
    // ATTACK: E3, nobody looks again at what has been late once; it ends with that answer.
    exchange?.breakOff('aborted')
    latest.last = latest.requests
    this.#parts.record(refuse(exchange ? null : stream, peerOf(socket), method, denial))
    if (socket.writableLength > 0) expectTaking(socket, this.#bounds.answerTimeoutMs)
  }

  #latestOf(socket: Duplex): Latest {
    const known = this.#latest.get(socket)
    if (known) return known
    const latest: Latest = {
      place: -1,
      stream: socket,
      exchange: null,
      underWay: 0,
      requests: 0,
      last: this.#bounds.requestsPerConnection,
      seen: 0,
      inVain: 0,
    }
    this.#latest.set(socket, latest)
    this.#used.add(latest)
    socket.once('close', () => this.#used.delete(latest))
    const { idleTimeoutMs, headTimeoutMs } = this.#bounds
    this.#idleTimer ??= setInterval(
      () => this.#endIdle(),
      Math.min(maxTimerMs, (idleTimeoutMs + headTimeoutMs) / idleLooks),
    ).unref()
    return latest
  }

  /**
   * ATTACK: E3, empty lines before a head (RFC 9112 2.2) and octets of a body that nobody reads begin the timeout of the HTTP
   * library anew. Whoever asks within `idleTimeout` has its head here a `headTimeout` later.
   */
  #endIdle(): void {
    for (const latest of Array.from(this.#used)) {
      const { underWay, requests, seen } = latest
      latest.inVain = underWay === 0 && requests === seen ? latest.inVain + 1 : 0
      latest.seen = underWay === 0 ? requests : -1
      if (latest.stream.destroyed) this.#used.delete(latest)
      else if (latest.inVain === idleLooks) latest.stream.destroy()
    }
    if (this.#used.size > 0 || this.#idleTimer === null) return
    clearInterval(this.#idleTimer)
    this.#idleTimer = null
  }

  #generationOf(inForce: InForce): Generation {
    return { inForce, ports: { ...inForce.ports, load: this.#load }, inFlight: 0, retired: false }
  }

  missedConnection(error: Error): void {
    this.#parts.onMissedConnection(error)
  }

  /** CONNECT is for proxies (RFC 9110 9.3.6). */
  refuseConnect(message: IncomingMessage, stream: Duplex): void {
    const { socket } = message
    // ATTACK: E3, the HTTP library has let go of the socket: nobody else hears of a reset, which would end the process, nor of
    // room and the end, without which what is still being answered would wait for ever.
    for (const one of new Set([socket, stream])) one.on('error', () => one.destroy())
    const answered = Array.from(this.#exchanges).filter((one) => one.socket === socket)
    socket.on('drain', () => {
      for (const one of answered) one.drained()
    })
    socket.on('close', () => {
      for (const one of answered) one.disconnected()
    })
    if (answered.length > 0) {
      socket.once('end', () => socket.destroySoon())
      stream.resume()
    }
    this.#refuse(socket, stream, 'CONNECT', deny('parse', 'malformed_request', 'CONNECT is not served'))
  }
}

function closeWhenIdle({ inForce, inFlight }: Generation): void {
  if (inFlight === 0) void inForce.release()
}
