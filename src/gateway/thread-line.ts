import type { RawRequest } from '../base/message.ts'
import { burstMs, hasRoom, mayWaitMs } from '../engine/admit/patience.ts'
import type { Load, Turn } from '../engine/ports.ts'
import { type Priority, priorities } from '../program/program.ts'
import { Line, type Standing } from './line.ts'

interface Place extends Standing<Place> {
  readonly request: RawRequest
  readonly sinceMs: number
  readonly go: (turn: Turn) => void
}

interface Rank {
  readonly priority: Priority
  readonly line: Line<Place>
}

/** Of what `queueDelay` allows at an upstream: a turn takes less than a millisecond. */
const threadShare = 0.1
/**
 * Longest line: what a burst brings, and where it stands: some milliseconds of work. Requests that are alive together make
 * the collection of garbage dear, until turning away takes all the time.
 */
const maxBurst = 1024
const maxStanding = 128
/** Half a millisecond. One by one, looking at the sockets would cost a fifth of the time. */
const maxBegun = 8
/** In one turn, so that what was begun before is not kept waiting; those who come to a full line are turned away beside. */
const maxTurnedAway = 16
/** Of the time: with as much to spare it goes away by itself. */
const emptyShare = 0.1

/**
 * The requests of one thread that wait for their turn. Where nobody waits, a request goes on at once.
 *
 * In each turn of the event loop only a few are begun. Between two turns the loop reads what has come, so that what waits, waits
 * here, where it is seen, and not in the sockets; and what was begun before gets its answer.
 *
 * The highest rank comes first. In a rank it is the one that came first; in a line that stands, the one that came last: somebody
 * will be late in any case, and so those who are served are served soon.
 *
 * A line stands when for `burstMs` there was always somebody who had waited for longer than a request of normal priority may
 * in a line that stands, and until, of as long, it was empty for a tenth. The latest come first in it, so that the first
 * wait long even where there is time for all: how long they wait, and who is turned away, does not tell.
 * INVARIANT: it is no longer than `maxBurst`, whatever comes.
 */
export class ThreadLine implements Load {
  readonly #delayMs: number
  readonly #fullness: () => number
  readonly #clock: () => number
  /** The highest first. */
  readonly #ranks: readonly Rank[] = priorities
    .toReversed()
    .map((priority) => ({ priority, line: new Line<Place>() }))
  #length = 0
  readonly #maxBegun: number
  /** In this turn of the loop. */
  #begun = 0
  #armed = false
  #standing = false
  /** When the oldest last had not waited for too long. */
  #shortMs = 0
  /** Of a line that stands: since when it is looked at, for how long it was empty, and since when it is. */
  #lookedMs = 0
  #emptyMs = 0
  #emptySinceMs: number | null = null
  /** When one of the highest rank was last turned away for its lateness. */
  #hopelessMs = Number.NEGATIVE_INFINITY

  /** @param fullness requests in flight, without the one that asks, as a share of the bound */
  constructor(
    queueDelayMs: number,
    fullness: () => number,
    most = maxBegun,
    clock: () => number = () => performance.now(),
  ) {
    this.#delayMs = queueDelayMs * threadShare
    this.#maxBegun = most
    this.#fullness = fullness
    this.#clock = clock
  }

  get length(): number {
    return this.#length
  }

  /** Not even those who matter most are served in time. */
  get hopeless(): boolean {
    return this.#standing && this.#clock() - this.#hopelessMs <= burstMs
  }

  takeTurn(request: RawRequest, priority: Priority): Turn | Promise<Turn> {
    if (!hasRoom(priority, this.#fullness())) return 'full'
    if (this.#begun >= this.#maxBegun || this.#length > 0) {
      if (this.#length >= this.#bound() && !this.#giveWay(priority)) return 'late'
      return new Promise((go) => this.#enter(request, priority, go))
    }
    if (this.#standing) this.#noteComing(this.#clock())
    this.#begun++
    this.#arm()
    return 'taken'
  }

  /** The client went away. A look through the line takes less than the end of a connection. */
  leave(request: RawRequest): void {
    for (const { line } of this.#ranks)
      for (let place = line.oldest; place; place = place.behind)
        if (place.request === request) return this.#release(line, place, 'gone')
  }

  #enter(request: RawRequest, priority: Priority, go: (turn: Turn) => void): void {
    const sinceMs = this.#clock()
    if (this.#length === 0) this.#shortMs = sinceMs
    if (this.#standing) this.#noteComing(sinceMs)
    this.#length++
    const rank = this.#ranks.find((one) => one.priority === priority) as Rank
    rank.line.enter({ request, sinceMs, go, ahead: null, behind: null })
    this.#arm()
  }

  #arm(): void {
    if (this.#armed) return
    this.#armed = true
    setImmediate(this.#turn)
  }

  /** Once in a turn of the loop, after it has read what came. */
  readonly #turn = (): void => {
    this.#armed = false
    this.#begun = 0
    if (this.#length > 0) {
      const nowMs = this.#clock()
      if (!this.#waitedLong(nowMs)) this.#shortMs = nowMs
      if (!this.#standing && nowMs - this.#shortMs > burstMs) this.#stand(nowMs)
      for (let left = this.#maxBegun; left > 0 && this.#length > 0; left--) this.#beginOne()
      this.#turnAway(nowMs)
    }
    if (this.#length > 0) this.#arm()
    else if (this.#standing) this.#emptySinceMs ??= this.#clock()
  }

  #stand(nowMs: number): void {
    this.#standing = true
    this.#lookedMs = nowMs
    this.#emptyMs = 0
    this.#emptySinceMs = null
  }

  /** Somebody comes to a line that stands, or did when it was last looked at. */
  #noteComing(nowMs: number): void {
    if (this.#emptySinceMs !== null) this.#emptyMs += nowMs - this.#emptySinceMs
    this.#emptySinceMs = null
    if (nowMs - this.#lookedMs <= burstMs) return
    this.#standing = this.#emptyMs < (nowMs - this.#lookedMs) * emptyShare
    if (!this.#standing) this.#shortMs = nowMs
    this.#lookedMs = nowMs
    this.#emptyMs = 0
  }

  #waitedLong(nowMs: number): boolean {
    return this.#ranks.some(({ line }) => line.oldest !== null && nowMs - line.oldest.sinceMs > this.#delayMs)
  }

  #beginOne(): void {
    for (const { line } of this.#ranks) {
      const next = this.#standing ? line.newest : line.oldest
      if (next) return this.#release(line, next, 'taken')
    }
  }

  #bound(): number {
    return this.#standing ? maxStanding : maxBurst
  }

  /** Makes room in the line by turning somebody of a lower rank away, or of the same, where it is the latest that are served. */
  #giveWay(priority: Priority): boolean {
    for (const rank of this.#ranks.toReversed()) {
      if (rank.priority === priority && !this.#standing) return false
      const { oldest } = rank.line
      if (oldest) this.#release(rank.line, oldest, 'late')
      if (oldest) return true
      if (rank.priority === priority) return false
    }
    return false
  }

  #turnAway(nowMs: number): void {
    let left = maxTurnedAway
    for (const { priority, line } of this.#ranks) {
      const limitMs = mayWaitMs(priority, this.#standing, this.#delayMs)
      for (
        let place = line.oldest;
        place && nowMs - place.sinceMs > limitMs && left-- > 0;
        place = line.oldest
      ) {
        if (priority === 'critical') this.#hopelessMs = nowMs
        this.#release(line, place, 'late')
      }
    }
  }

  #release(line: Line<Place>, place: Place, turn: Turn): void {
    this.#length--
    line.leave(place)
    place.go(turn)
  }
}
