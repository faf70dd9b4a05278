import { closeSync, fstatSync, openSync, readFileSync, renameSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOfError } from '../base/code-of-error.ts'
import type { CountersMemory } from './counters-memory.ts'
import { maxSnapshotBytes, restoreQuotas } from './quota-snapshot.ts'

/**
 * Restores what a file holds; a file that is not there holds nothing. One that cannot be used is kept as `FILE.bad`.
 * @returns why it cannot be used, or null
 */
export function loadQuotas(memory: CountersMemory, file: string, atMs: number): string | null {
  const problem = readInto(memory, file, atMs)
  if (problem === null) return null
  try {
    renameSync(file, `${file}.bad`)
    return `${file}: ${problem}; kept as ${file}.bad`
  } catch (error) {
    return `${file}: ${problem}; cannot be kept aside (${codeOfError(error)})`
  }
}

function readInto(memory: CountersMemory, file: string, atMs: number): string | null {
  try {
    const opened = openSync(file, 'r')
    try {
      const stat = fstatSync(opened)
      if (!stat.isFile()) return 'it is no file'
      if (stat.size > maxSnapshotBytes(memory)) return 'its length is wrong'
      return restoreQuotas(memory, readFileSync(opened), atMs)
    } finally {
      closeSync(opened)
    }
  } catch (error) {
    return codeOfError(error) === 'ENOENT' ? null : `it cannot be read (${codeOfError(error)})`
  }
}

/**
 * Takes the place of the file at once, or leaves it as it is; durable when it resolves.
 * @returns why it could not be written, or null
 */
export async function saveQuotas(file: string, octets: Uint8Array): Promise<string | null> {
  const fresh = `${file}.new`
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await rm(fresh, { force: true })
    const opened = await open(fresh, 'wx', 0o600)
    try {
      await opened.writeFile(octets)
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

/** A name is durable only when its folder is (fsync(2)). */
async function syncFolder(folder: string): Promise<void> {
  const opened = await open(folder, 'r')
  try {
    await opened.sync()
  } finally {
    await opened.close()
  }
}
