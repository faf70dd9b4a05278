import { lstat, rename, rm } from 'node:fs/promises'

/**
 * Gives way to a new file: FILE becomes FILE.1, that FILE.2, as far as numbers are taken; `keep` of them stay. Each step is a
 * rename, from the oldest on, so a process that dies in the middle leaves a gap and loses nothing.
 * @throws as `rename` does; FILE has its name then
 */
export async function rotateFiles(path: string, keep: number): Promise<void> {
  const nth = (number: number) => `${path}.${number}`
  let free = 1
  while (free < keep && (await isThere(nth(free)))) free++
  for (let number = free; number > 1; number--) await rename(nth(number - 1), nth(number))
  await rename(path, nth(1))
  await prune(nth, keep + 1)
}

/** What is left of a time when more were kept; one that cannot be removed keeps those after it. */
async function prune(nth: (number: number) => string, from: number): Promise<void> {
  try {
    for (let number = from; await isThere(nth(number)); number++) await rm(nth(number))
  } catch {}
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}
