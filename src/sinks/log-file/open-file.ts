import { constants } from 'node:fs'
import { access, type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOfError } from '../../base/code-of-error.ts'
import type { LogFileSettings } from '../../program/settings.ts'

/** A file that lines are added to. */
export interface OpenFile {
  readonly handle: FileHandle
  readonly bytes: number
  /** Epoch milliseconds. */
  readonly bornMs: number
  /** Its last line has no end: a process died over it, or a disk was full. */
  readonly isTorn: boolean
}

// ATTACK: a link or a FIFO that somebody put there: lines would go elsewhere, or opening would never return (CWE-59).
const flags = constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK
const fresh = constants.O_CREAT | constants.O_EXCL

/**
 * Opens the file, or makes it with its mode whatever the umask is; one that is there keeps its own.
 * @throws as `open` does; ELOOP for a symbolic link, EINVAL for what is no file
 */
export async function openFile({ path, mode }: Pick<LogFileSettings, 'path' | 'mode'>): Promise<OpenFile> {
  const handle = await make(path, mode)
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) throw Object.assign(new Error(`${path} is no file`), { code: 'EINVAL' })
    return { handle, bytes: stat.size, bornMs: bornMs(stat), isTorn: await isTorn(handle, stat.size) }
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function make(path: string, mode: number): Promise<FileHandle> {
  try {
    const handle = await open(path, flags | fresh, mode)
    await handle.chmod(mode)
    return handle
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return open(path, flags)
  }
}

function bornMs({ size, birthtimeMs }: { readonly size: number; readonly birthtimeMs: number }): number {
  return size > 0 && birthtimeMs > 0 ? birthtimeMs : Date.now()
}

async function isTorn(handle: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return false
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1)
  return buffer[0] !== 0x0a
}

const reasons: { readonly [code: string]: readonly [what: string, fix: string] } = {
  ENOENT: ['its folder does not exist', 'make the folder, or name another'],
  ENOTDIR: ['what should be its folder is none', 'name a file in a folder'],
  EISDIR: ['it is a folder', 'name a file in it'],
  ELOOP: ['it is a symbolic link', 'name the file that it leads to; /dev/stdout is to: stdout'],
  EINVAL: ['it is no file', 'name a file; for a pipe write to: stdout'],
  ENXIO: ['it is no file', 'name a file; for a pipe write to: stdout'],
  EACCES: ['this user may not write it', 'let the user of the gateway write the file and its folder'],
  EPERM: ['this user may not write it', 'let the user of the gateway write the file and its folder'],
  EROFS: ['its file system is read-only', 'name a file on another'],
  ENOSPC: ['its disk is full', 'make room'],
  EDQUOT: ['the quota of this user is spent', 'make room'],
}

/** What keeps a file from being written, for a person. */
export function fileTrouble(error: unknown): { readonly what: string; readonly fix: string } {
  const code = codeOfError(error)
  const [what, fix] = reasons[code] ?? ['it cannot be used', 'name a file that can be written']
  return { what: `${what} (${code})`, fix }
}

/** @throws where files in that folder cannot be renamed */
export async function checkFolder({ path, rotate }: LogFileSettings): Promise<void> {
  if (rotate) await access(dirname(path), constants.W_OK | constants.X_OK)
}
