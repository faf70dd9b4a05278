import { type Stats, unwatchFile, watchFile } from 'node:fs'

export interface FileWatch {
  /** Replaces the files looked at. */
  watch(files: readonly string[]): void
  stop(): void
}

const pollMs = 1000
const settleMs = 200

/**
 * Calls `onChange` once a change of any file has settled. Looks by name and once a second, because files are often
 * replaced by renaming or behind a symbolic link, which other ways of watching miss.
 */
export function watchFiles(onChange: () => void): FileWatch {
  let watched: readonly string[] = []
  let timer: NodeJS.Timeout | null = null
  function changed(now: Stats, before: Stats): void {
    // Told once of a file that is not there, as soon as it is watched.
    if (now.mode === 0 && before.mode === 0) return
    if (timer) clearTimeout(timer)
    timer = setTimeout(onChange, settleMs)
    timer.unref()
  }
  function stop(): void {
    if (timer) clearTimeout(timer)
    for (const file of watched) unwatchFile(file, changed)
    watched = []
  }
  return {
    stop,
    watch(files) {
      for (const file of watched) if (!files.includes(file)) unwatchFile(file, changed)
      for (const file of files)
        if (!watched.includes(file)) watchFile(file, { interval: pollMs, persistent: false }, changed)
      watched = [...files]
    },
  }
}
