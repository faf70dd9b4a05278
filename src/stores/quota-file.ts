import { randomUUID } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { codeOfError } from '../base/code-of-error.ts'
import type { CountersMemory } from './counters-memory.ts'
import { headBytes, maxSnapshotBytes, ownerIn, restoreQuotas } from './quota-snapshot.ts'

/** A pipe that stands in the way would keep whoever opens it waiting for a writer, for ever. */
const reading = constants.O_RDONLY | constants.O_NONBLOCK

export interface LoadedQuotas {
  /** Why the file cannot be used, or null. */
  readonly problem: string | null
  /** Who saved it. */
  readonly owner: string | null
}

/**
 * Restores what a file holds; a file that is not there holds nothing. One that cannot be used is kept as `FILE.bad`, and
 * what a process that was killed left half-written is removed.
 */
export function loadQuotas(memory: CountersMemory, file: string, atMs: number): LoadedQuotas {
  removeUnfinished(file)
  const { problem, owner } = readInto(memory, file, atMs)
  if (problem === null) return { problem, owner }
  try {
    renameSync(file, `${file}.bad`)
    return { problem: `${file}: ${problem}; kept as ${file}.bad`, owner: null }
  } catch (error) {
    return { problem: `${file}: ${problem}; cannot be kept aside (${codeOfError(error)})`, owner }
  }
}

function readInto(memory: CountersMemory, file: string, atMs: number): LoadedQuotas {
  const unusable = (problem: string | null) => ({ problem, owner: null })
  try {
    const opened = openSync(file, reading)
    try {
      const stat = fstatSync(opened)
      if (!stat.isFile()) return unusable('it is no file')
      if (stat.size > maxSnapshotBytes(memory)) return unusable('its length is wrong')
      const octets = readFileSync(opened)
      return { problem: restoreQuotas(memory, octets, atMs), owner: ownerIn(octets) }
    } finally {
      closeSync(opened)
    }
  } catch (error) {
    return unusable(codeOfError(error) === 'ENOENT' ? null : `it cannot be read (${codeOfError(error)})`)
  }
}

/** Who saved the file last; null where there is none, or that cannot be told. */
export async function ownerOfFile(file: string): Promise<string | null> {
  try {
    const opened = await open(file, reading)
    try {
      const { buffer, bytesRead } = await opened.read(new Uint8Array(headBytes), 0, headBytes, 0)
      return ownerIn(buffer.subarray(0, bytesRead))
    } finally {
      await opened.close()
    }
  } catch {
    return null
  }
}

/**
 * Takes the place of the file at once, or leaves it as it is; durable when it resolves. Written under a name of its own, so
 * that another gateway in the same folder puts nothing half-written in place.
 * @returns why it could not be written, or null
 */
export async function saveQuotas(file: string, parts: readonly Uint8Array[]): Promise<string | null> {
  const fresh = `${file}.${randomUUID()}.new`
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    const opened = await open(fresh, 'wx', 0o600)
    try {
      for (const part of parts) await opened.writeFile(part)
      await opened.sync()
    } finally {
      await opened.close()
    }
    await rename(fresh, file)
    await syncFolder(dirname(file))
    return null
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => {})
    return `${file}: ${codeOfError(error)}`
  }
}

function removeUnfinished(file: string): void {
  const folder = dirname(file)
  try {
    for (const name of readdirSync(folder))
      if (name.startsWith(`${basename(file)}.`) && name.endsWith('.new')) rmSync(join(folder, name))
  } catch {
    // What cannot be listed or removed here is said by what is read and written next.
  }
}

/** A name is durable only when its folder is (fsync(2)). */
async function syncFolder(folder: string): Promise<void> {
  const opened = await open(folder, 'r')
  try {
    await opened.sync()
  } finally {
    await opened.close()
  }
}
