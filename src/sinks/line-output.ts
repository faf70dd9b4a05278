/** Lines that were let go. */
export interface DroppedLines {
  /** Of requests that passed. */
  readonly requests: number
  /** Of denials and all other events. */
  readonly events: number
}

/** Where lines go. Nobody who writes waits for whoever reads. */
export interface LineOutput {
  /** Takes complete lines. */
  write(lines: string): void
  /** Counts what was let go before it came here. */
  drop(lines: DroppedLines): void
  /** Whoever reads may take something again; it is asked every now and then in any case. */
  resume(): void
  /** Nothing is held back. */
  readonly isEmpty: boolean
  /** Writes what is held back, and gives a reader that is slow up to a second for it. For the end of the thread. */
  end(): void
  /** Since the start. */
  readonly dropped: DroppedLines
}

export interface LineOutputOptions {
  /** Takes some of the octets and says how many, 0 where it takes none now; throws as `writeSync` does. */
  readonly put: (octets: Buffer) => number
  /** Makes the line that tells of those let go since it was told last. */
  readonly droppedLine: (dropped: DroppedLines) => string
  readonly isRequest: (line: string) => boolean
  /** Told once, when nobody will ever read again, and when lines are left at the end. */
  readonly gone: (detail: string) => void
  /** Characters held back for a reader that is slow; denials and events have as many again to themselves. */
  readonly maxHeld?: number
}

/** What every output must know of the lines. */
export type LineKinds = Pick<LineOutputOptions, 'droppedLine' | 'isRequest'>

/** Lines that are held. */
interface Piece {
  octets: Buffer
  /** It may have lines of requests that passed, which make way for others. */
  yields: boolean
}

const defaultMaxHeld = 4 * 1024 * 1024
const firstPauseMs = 2
const maxPauseMs = 20
const endPatienceMs = 1000
const goneForGood: ReadonlySet<string | undefined> = new Set(['EPIPE', 'EBADF', 'ECONNRESET', 'EIO'])

/**
 * Writes lines as far as a reader takes them, and holds back what it does not; when that is too much, lines of requests that
 * passed are let go first, then those of denials and events, whole ones always, counted, and told of as soon as there is room.
 */
export function openLineOutput({
  put,
  droppedLine,
  isRequest,
  gone,
  maxHeld = defaultMaxHeld,
}: LineOutputOptions): LineOutput {
  const queue: Piece[] = []
  let held = 0
  let yielding = 0
  let isGone = false
  let pauseMs = firstPauseMs
  let timer: NodeJS.Timeout | null = null
  const dropped = { requests: 0, events: 0 }
  const told = { requests: 0, events: 0 }

  return {
    write,
    drop,
    resume,
    get isEmpty() {
      return queue.length === 0
    },
    end,
    dropped,
  }

  function write(lines: string): void {
    const fits = !isGone && held + lines.length <= maxHeld
    const kept = fits ? lines : sift(lines)
    if (kept === '') return
    const octets = Buffer.from(kept)
    queue.push({ octets, yields: true })
    yielding++
    held += octets.length
    if (timer === null) drain()
  }

  /** What of these lines there is room for, or can be made for denials and events. */
  function sift(lines: string): string {
    let kept = ''
    for (const line of lines.split('\n').slice(0, -1)) {
      const ordinary = isRequest(line)
      const room = isGone ? 0 : ordinary ? maxHeld : 2 * maxHeld
      const fits = () => held + kept.length + line.length < room
      while (!ordinary && !isGone && !fits() && yieldOne());
      if (fits()) kept += `${line}\n`
      else dropped[ordinary ? 'requests' : 'events']++
    }
    return kept
  }

  /** Lets go of the requests in one piece, but not in the first, which may be half written. @returns false where there is none */
  function yieldOne(): boolean {
    if (yielding === Number(queue[0]?.yields ?? false)) return false
    const piece = queue.find(({ yields }, index) => index > 0 && yields)
    if (!piece) return false
    const all = piece.octets.toString().split('\n').slice(0, -1)
    const others = all.filter((line) => !isRequest(line))
    dropped.requests += all.length - others.length
    held -= piece.octets.length
    piece.octets = Buffer.from(others.map((line) => `${line}\n`).join(''))
    held += piece.octets.length
    piece.yields = false
    yielding--
    return true
  }

  function drop({ requests, events }: DroppedLines): void {
    dropped.requests += requests
    dropped.events += events
    if (timer === null) drain()
  }

  function resume(): void {
    if (timer === null) return
    clearTimeout(timer)
    drain()
  }

  function drain(): void {
    timer = null
    if (!putAll()) {
      if (isGone) return
      timer = setTimeout(drain, pauseMs).unref()
      pauseMs = Math.min(pauseMs * 2, maxPauseMs)
      return
    }
    pauseMs = firstPauseMs
    const { requests, events } = dropped
    const news = { requests: requests - told.requests, events: events - told.events }
    if (news.requests + news.events === 0) return
    Object.assign(told, { requests, events })
    write(droppedLine(news))
  }

  /** @returns false where a reader does not take it now, or never will */
  function putAll(): boolean {
    for (let first = queue[0]; first; first = queue[0]) {
      try {
        const { length } = first.octets
        const written = length === 0 ? 0 : put(first.octets)
        if (written === 0 && length > 0) return false
        held -= written
        first.octets = first.octets.subarray(written)
        if (written < length) continue
        queue.shift()
        if (first.yields) yielding--
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (goneForGood.has(code))
          abandon(`nobody reads the log any more (${code}); the gate goes on without`)
        return false
      }
    }
    return true
  }

  function abandon(detail: string): void {
    isGone = true
    const left = Buffer.concat(queue.map(({ octets }) => octets)).toString()
    queue.length = 0
    held = 0
    yielding = 0
    sift(left)
    gone(detail)
  }

  function end(): void {
    if (timer) clearTimeout(timer)
    const untilMs = Date.now() + endPatienceMs
    while (!isGone && !putAll() && Date.now() < untilMs) Atomics.wait(nobody, 0, 0, maxPauseMs)
    if (queue.length > 0) abandon('nobody reads the log; its last lines are lost')
  }
}
const nobody = new Int32Array(new SharedArrayBuffer(4))
