import { writeSync } from 'node:fs'
import { type DroppedLines, siftLines } from './sift-lines.ts'

/** Where lines go. Nobody who writes waits for whoever reads. */
export interface LineOutput {
  /** Takes complete lines. */
  write(lines: string): void
  /** Writes what is held back, and gives a reader that is slow up to a second for it. For the end of the process. */
  end(): void
  /** Since the start. */
  readonly dropped: DroppedLines
}

export interface LineOutputOptions {
  /** Writes some of the octets and says how many; throws as `writeSync` does. */
  readonly put: (octets: Buffer) => number
  /** Makes the line that tells of those let go since it was told last. */
  readonly droppedLine: (dropped: DroppedLines) => string
  readonly isRequest: (line: string) => boolean
  /** Told once, when nobody will ever read again, and when lines are left at the end. */
  readonly gone: (detail: string) => void
  /** Characters held back for a reader that is slow; denials and events have as many again to themselves. */
  readonly maxHeld?: number
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
  const queue: Buffer[] = []
  let held = 0
  let isGone = false
  let pauseMs = firstPauseMs
  let timer: NodeJS.Timeout | null = null
  const dropped = { requests: 0, events: 0 }
  const told = { requests: 0, events: 0 }

  return { write, end, dropped }

  function write(lines: string): void {
    const kept = !isGone && held + lines.length <= maxHeld ? lines : sift(lines)
    if (kept === '') return
    const octets = Buffer.from(kept)
    queue.push(octets)
    held += octets.length
    if (timer === null) drain()
  }

  /** What of these lines there is room for. */
  function sift(lines: string): string {
    return siftLines(lines, held, isGone ? 0 : maxHeld, isRequest, dropped)
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
        const written = put(first)
        held -= written
        if (written === first.length) queue.shift()
        else queue[0] = first.subarray(written)
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
    const left = Buffer.concat(queue).toString()
    queue.length = 0
    held = 0
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

/** Lines to stdout, those that are held back at the end of the process too. */
export function openStdout(options: Pick<LineOutputOptions, 'droppedLine' | 'isRequest'>): LineOutput {
  // The stream makes a pipe or socket such that writing to it never blocks.
  const { fd } = process.stdout
  const output = openLineOutput({
    ...options,
    put: (octets) => writeSync(fd, octets),
    gone: (detail) => process.stderr.write(`${detail}\n`),
  })
  process.once('exit', () => output.end())
  return output
}
