import { randomBytes } from 'node:crypto'
import { appendFileSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Denial } from '../engine/decision.ts'
import { denialRecord } from '../engine/record/denial-record.ts'
import type { Ending, RecordSink } from '../engine/record/ending.ts'

export interface DenialRing extends RecordSink {
  /** Writes what is held back. */
  stop(): void
}

/** Of a flood the last ones are kept, so that it costs no more than this. */
const maxHeld = 500
const flushAfterMs = 300
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
  const held: { readonly ending: Ending; readonly denial: Denial; readonly timeMs: number }[] = []
  let next = 0
  let timer: NodeJS.Timeout | null = null
  let writing = false
  let bytes = -1

  return { write, stop }

  function write(ending: Ending): void {
    const { denial } = ending
    if (denial === null) return
    held[next] = { ending, denial, timeMs: Date.now() }
    next = (next + 1) % maxHeld
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
      const lines = take()
      prepare()
      bytes += lines.length
      await appendFile(file, lines, { mode: 0o600 })
    } catch {
      // The folder may have gone away; the next ones look for it anew.
      bytes = -1
    } finally {
      writing = false
    }
  }

  function stop(): void {
    if (timer) clearTimeout(timer)
    if (held.length === 0) return
    try {
      const lines = take()
      prepare()
      appendFileSync(file, lines, { mode: 0o600 })
    } catch {}
  }

  /** The held ones in the order in which they came. */
  function take(): string {
    const ordered = held.length < maxHeld ? held : [...held.slice(next), ...held.slice(0, next)]
    const lines = ordered.map(({ ending, denial, timeMs }) =>
      lineOf(denialRecord(ending, denial, new Date(timeMs).toISOString())),
    )
    held.length = 0
    next = 0
    return lines.join('')
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

function lineOf(record: object): string {
  const bounded = (_: string, value: unknown) => (typeof value === 'string' ? value.slice(0, maxText) : value)
  return `${JSON.stringify(record, bounded)}\n`
}

function removeOldest(folder: string): void {
  const files = readdirSync(folder).map((name) => join(folder, name))
  const dated = files.map((path) => ({ path, changedMs: statSync(path).mtimeMs }))
  for (const { path } of dated.toSorted((a, b) => b.changedMs - a.changedMs).slice(maxFiles)) rmSync(path)
}
