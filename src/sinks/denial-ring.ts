import { randomBytes } from 'node:crypto'
import { appendFileSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type DenialRecord, denialRecord } from '../engine/record/denial-record.ts'
import type { Ending, RecordSink } from '../engine/record/ending.ts'

export interface DenialRing extends RecordSink {
  /** Writes what is held back. */
  stop(): void
}

const flushAfterMs = 300
/**
 * Of a flood so many are kept in that time, and it costs no more than this. Callers that are known have a place of their own,
 * which nobody who is not can take.
 */
const maxKnown = 400
const maxUnknown = 100
/** Room for each; most take a third of it. */
const bytesOfLine = 2048
/** Two files of this size a thread: the one that grows, and the one before. */
const maxFileBytes = 1024 * 1024
/** Of all threads, and of processes that are gone. */
const maxFiles = 64
const maxText = 512

/**
 * The last denials, in files of JSON lines under a folder that every thread of every process may share. They are written off
 * the way of the request; a folder that cannot be written costs the explanations and nothing else.
 *
 * Until then they are held as octets: as objects they would live long enough to become old, and a flood of them would
 * cause collections of all that is old (V8).
 */
export function createDenialRing(folder: string): DenialRing {
  const file = join(folder, `${Date.now().toString(36)}-${randomBytes(4).toString('hex')}.jsonl`)
  const known = keepFirst(maxKnown)
  const unknown = keepFirst(maxUnknown)
  let timer: NodeJS.Timeout | null = null
  let writing = false
  let fileBytes = -1

  return { write, stop }

  function write(ending: Ending): void {
    const { denial, journal } = ending
    if (denial === null) return
    const isKnown = journal.principal !== null && journal.principal.schemes.length > 0
    ;(isKnown ? known : unknown).add(() => lineOf(denialRecord(ending, denial, Date.now())))
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
      const octets = take()
      prepare(octets.length)
      await appendFile(file, octets, { mode: 0o600 })
    } catch {
      // The folder may have gone away; the next ones look for it anew.
      fileBytes = -1
    } finally {
      writing = false
    }
  }

  function stop(): void {
    if (timer) clearTimeout(timer)
    const octets = take()
    if (octets.length === 0) return
    try {
      prepare(octets.length)
      appendFileSync(file, octets, { mode: 0o600 })
    } catch {}
  }

  function take(): Buffer {
    return Buffer.concat([known.take(), unknown.take()])
  }

  function prepare(more: number): void {
    if (fileBytes < 0) {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      removeOldest(folder)
      fileBytes = 0
    }
    if (fileBytes > maxFileBytes) {
      renameSync(file, `${file.slice(0, -'.jsonl'.length)}.before.jsonl`)
      fileBytes = 0
    }
    fileBytes += more
  }
}

/** Keeps so many lines, or fewer that are longer, and none that comes after them. */
function keepFirst(count: number) {
  const octets = Buffer.allocUnsafeSlow(count * bytesOfLine)
  let bytes = 0
  let room = count
  return {
    add(line: () => string): void {
      if (room === 0) return
      const text = line()
      if (bytes + Buffer.byteLength(text) > octets.length) {
        room = 0
        return
      }
      room--
      bytes += octets.write(text, bytes)
    },
    /** Valid until the next one is added. */
    take(): Buffer {
      const all = octets.subarray(0, bytes)
      bytes = 0
      room = count
      return all
    },
  }
}

function lineOf(record: DenialRecord): string {
  const bounded = (_: string, value: unknown) => (typeof value === 'string' ? value.slice(0, maxText) : value)
  return `${JSON.stringify(record, bounded)}\n`
}

function removeOldest(folder: string): void {
  const files = readdirSync(folder).map((name) => join(folder, name))
  const dated = files.map((path) => ({ path, changedMs: statSync(path).mtimeMs }))
  for (const { path } of dated.toSorted((a, b) => b.changedMs - a.changedMs).slice(maxFiles)) rmSync(path)
}
