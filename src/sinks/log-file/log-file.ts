import { constants, openSync, writeSync } from 'node:fs'
import { type FileHandle, lstat } from 'node:fs/promises'
import type { LogFileSettings } from '../../program/settings.ts'
import { checkFolder, fileTrouble, openFile } from './open-file.ts'
import { rotateFiles } from './rotate-files.ts'

export interface LogFileNews {
  readonly event: 'log_file_failed' | 'log_file_resumed'
  readonly detail?: string
  readonly after_ms?: number
}

export interface LogFileOptions {
  readonly settings: LogFileSettings
  /** The file takes octets again. */
  readonly onRoom: () => void
  readonly onNews: (news: LogFileNews) => void
}

/** A file that lines are added to. One system call is under way at a time, aside, and nobody waits for it. */
export interface LogFile {
  /** Takes complete lines, all of them or none: how many octets. */
  put(octets: Buffer): number
  /** Opens the path anew once the call under way is done: somebody moved the file. */
  reopen(): Promise<void>
  readonly isIdle: boolean
  /** No write failed since the last one that did not, and none hangs. */
  readonly isWritable: boolean
  /**
   * Writes what it took, and from now on `put` writes before it returns: the process ends.
   * @returns whether all that it took is there
   */
  finish(): boolean
  /** For one that is idle. */
  close(): Promise<void>
}

const retryAfterMs = 500
const rotateAgainAfterMs = 60_000
/** A system call that takes longer hangs, and another would too. */
const hangsAfterMs = 1000
const lineFeed = Buffer.from('\n')
const nothing = Buffer.alloc(0)
const missing = { code: 'ENOENT' }

/**
 * Opens the file and adds lines to it. It is moved on when the next lines would make it too large, or when it is too old; always
 * between two lines. A write that fails is tried again for as long as it takes, in a file opened anew, from the first line that
 * is not there; what was written of that line is taken back.
 * @throws as `openFile` does, and where its folder does not let it be renamed
 */
export async function openLogFile({ settings, onRoom, onNews }: LogFileOptions): Promise<LogFile> {
  const { path, rotate } = settings
  let handle: FileHandle | null = null
  let bytes = 0
  let bornMs = 0
  let isTorn = false
  /** What is being written. */
  let left: Buffer = nothing
  let working: Promise<void> | null = null
  let calledMs: number | null = null
  let isWriting = false
  let reopening = false
  let finishing = false
  let lastFd: number | null = null
  let failedMs: number | null = null
  let rotateFromMs = 0

  await open()
  await checkFolder(settings).catch(async (error: unknown) => {
    await shut()
    throw error
  })
  return {
    put,
    reopen,
    get isIdle() {
      return working === null
    },
    get isWritable() {
      return failedMs === null && !hangs()
    },
    finish,
    close: shut,
  }

  function put(octets: Buffer): number {
    if (finishing) return putNow(octets)
    if (working) return 0
    left = octets
    begin()
    return octets.length
  }

  function begin(): void {
    working ??= work().finally(() => {
      working = null
      if (reopening) begin()
      else onRoom()
    })
  }

  async function work(): Promise<void> {
    while (!finishing && (left.length > 0 || reopening)) {
      try {
        if (reopening || handle === null) await open()
        if (left.length > 0 && isDue()) await moveOn()
        await append()
        succeeded()
      } catch (error) {
        failed(error)
        await shut()
        await new Promise((resolve) => setTimeout(resolve, retryAfterMs).unref())
      }
    }
  }

  async function open(): Promise<void> {
    const wasAsked = reopening
    reopening = false
    try {
      await shut()
      ;({ handle, bytes, bornMs, isTorn } = await called(openFile(settings)))
    } catch (error) {
      reopening ||= wasAsked
      throw error
    }
  }

  async function shut(): Promise<void> {
    const open = handle
    handle = null
    if (open) await called(open.close()).catch(() => {})
  }

  function isDue(): boolean {
    if (rotate === null || bytes === 0 || Date.now() < rotateFromMs) return false
    if (bytes + left.length > rotate.maxBytes) return true
    return rotate.maxAgeMs !== null && Date.now() - bornMs >= rotate.maxAgeMs
  }

  /** A file that cannot be renamed goes on: lines are worth more than its size. */
  async function moveOn(): Promise<void> {
    if (!handle || !rotate) return
    try {
      if (await isOurs(handle)) await called(rotateFiles(path, rotate.keep))
    } catch (error) {
      rotateFromMs = Date.now() + rotateAgainAfterMs
      onNews({
        event: 'log_file_failed',
        detail: `${path} cannot be rotated, and grows on: ${fileTrouble(error).what}`,
      })
      return
    }
    await open()
  }

  /** Somebody may have moved it, and put another there. */
  async function isOurs(file: FileHandle): Promise<boolean> {
    const there = await called(lstat(path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === missing.code) return null
      throw error
    })
    const own = await called(file.stat())
    return there?.ino === own.ino && there.dev === own.dev
  }

  async function append(): Promise<void> {
    if (!handle || left.length === 0) return
    // What another process left unfinished is a line of its own.
    if (isTorn) bytes += (await called(handle.write(lineFeed))).bytesWritten
    isTorn = false
    let written = 0
    isWriting = true
    try {
      while (written < left.length) written += (await called(handle.write(left, written))).bytesWritten
      bytes += written
      left = nothing
    } catch (error) {
      if (written === 0) throw error
      const whole = left.lastIndexOf(lineFeed, written - 1) + 1
      if (written > whole) await takeBack(handle, bytes + whole, bytes + written)
      left = left.subarray(whole)
      throw error
    } finally {
      isWriting = false
    }
  }

  /** Cuts off the beginning of a line, unless somebody else wrote after it. Where that fails it is found torn. */
  async function takeBack(file: FileHandle, from: number, to: number): Promise<void> {
    try {
      if ((await called(file.stat())).size === to) await called(file.truncate(from))
    } catch {}
  }

  async function called<T>(call: Promise<T>): Promise<T> {
    calledMs = Date.now()
    try {
      return await call
    } finally {
      calledMs = null
    }
  }

  function hangs(): boolean {
    return calledMs !== null && Date.now() - calledMs > hangsAfterMs
  }

  function failed(error: unknown): void {
    if (failedMs !== null) return
    failedMs = Date.now()
    onNews({ event: 'log_file_failed', detail: `${path} cannot be written: ${fileTrouble(error).what}` })
  }

  function succeeded(): void {
    if (failedMs === null) return
    onNews({ event: 'log_file_resumed', after_ms: Date.now() - failedMs })
    failedMs = null
  }

  async function reopen(): Promise<void> {
    if (finishing) return
    reopening = true
    begin()
    await working
  }

  function finish(): boolean {
    finishing = true
    if (hangs()) return false
    // A write under way is ended by the system; whole lines come before or after it.
    if (isWriting) left = nothing
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants
    try {
      lastFd = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, settings.mode)
      while (left.length > 0) left = left.subarray(writeSync(lastFd, left))
      return true
    } catch {
      return false
    }
  }

  function putNow(octets: Buffer): number {
    if (lastFd === null) throw new Error('the log file cannot be opened')
    return writeSync(lastFd, octets)
  }
}
