import { randomBytes } from 'node:crypto'
import { appendFileSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type DenialFacts, denialFacts, denialRecord } from '../engine/record/denial-record.ts'
import type { Ending, RecordSink } from '../engine/record/ending.ts'

export interface DenialRing extends RecordSink {
  /** Writes what is held back. */
  stop(): void
}

/**
 * Of a flood the last ones are kept, so that it costs no more than this. Callers that are known have a place of their own,
 * where nobody who is not can push them out.
 */
const maxKnown = 400
const maxUnknown = 100
const flushAfterMs = 300
/** Written out in one turn of the event loop: some hundred microseconds. */
const linesATurn = 20
/** Two files of this size a thread: the one that grows, and the one before. */
const maxFileBytes = 1024 * 1024
/** Of all threads, and of processes that are gone. */
const maxFiles = 64
const maxText = 512

/**
 * The last denials, in files of JSON lines under a folder that every thread of every process may share. What is written
 * is made off the way of the request; a folder that cannot be written costs the explanations and nothing else.
 */
export function createDenialRing(folder: string): DenialRing {
  const file = join(folder, `${Date.now().toString(36)}-${randomBytes(4).toString('hex')}.jsonl`)
  const known = keepLast(maxKnown)
  const unknown = keepLast(maxUnknown)
  /** Taken from the kept ones, and not written yet. */
  let taken: readonly DenialFacts[] = []
  let lines = ''
  let timer: NodeJS.Timeout | null = null
  let writing = false
  let bytes = -1

  return { write, stop }

  function write(ending: Ending): void {
    const { denial } = ending
    if (denial === null) return
    const facts = denialFacts(ending, denial, Date.now())
    const isKnown = facts.principal !== null && facts.principal.schemes.length > 0
    ;(isKnown ? known : unknown).add(facts)
    timer ??= setTimeout(() => void flush(), flushAfterMs).unref()
  }

  async function flush(): Promise<void> {
    timer = null
    if (writing) {
      timer = setTimeout(() => void flush(), flushAfterMs).unref()
      return
    }
    writing = true
    try {
      take()
      while (taken.length > 0) {
        writeOut(linesATurn)
        await nextTurn()
      }
      if (lines === '') return
      prepare()
      bytes += lines.length
      const octets = lines
      lines = ''
      await appendFile(file, octets, { mode: 0o600 })
    } catch {
      // The folder may have gone away; the next ones look for it anew.
      bytes = -1
      lines = ''
    } finally {
      writing = false
    }
  }

  function stop(): void {
    if (timer) clearTimeout(timer)
    take()
    writeOut(taken.length)
    if (lines === '') return
    try {
      prepare()
      appendFileSync(file, lines, { mode: 0o600 })
    } catch {}
    lines = ''
  }

  /** Takes the kept ones in the order in which they came. */
  function take(): void {
    taken = [...taken, ...known.take(), ...unknown.take()].toSorted((a, b) => a.timeMs - b.timeMs)
  }

  function writeOut(count: number): void {
    lines += taken.slice(0, count).map(lineOf).join('')
    taken = taken.slice(count)
  }

  function prepare(): void {
    if (bytes < 0) {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      removeOldest(folder)
      bytes = 0
    }
    if (bytes > maxFileBytes) {
      renameSync(file, `${file.slice(0, -'.jsonl'.length)}.before.jsonl`)
      bytes = 0
    }
  }
}

/** Facts and not endings: those hold the whole request, and so many of them would outlive every scavenge (V8). */
function keepLast(count: number) {
  let kept: DenialFacts[] = []
  let next = 0
  return {
    add(facts: DenialFacts): void {
      kept[next] = facts
      next = (next + 1) % count
    },
    take(): readonly DenialFacts[] {
      const all = kept
      kept = []
      next = 0
      return all
    },
  }
}

function lineOf(facts: DenialFacts): string {
  const bounded = (_: string, value: unknown) => (typeof value === 'string' ? value.slice(0, maxText) : value)
  return `${JSON.stringify(denialRecord(facts), bounded)}\n`
}

function removeOldest(folder: string): void {
  const files = readdirSync(folder).map((name) => join(folder, name))
  const dated = files.map((path) => ({ path, changedMs: statSync(path).mtimeMs }))
  for (const { path } of dated.toSorted((a, b) => b.changedMs - a.changedMs).slice(maxFiles)) rmSync(path)
}
