import { writeFileSync } from 'node:fs'

/** Takes all the space that is left. */
export function fillDisk(file: string): void {
  const chunk = Buffer.alloc(16 * 1024)
  for (;;)
    try {
      writeFileSync(file, chunk, { flag: 'a' })
    } catch {
      return
    }
}
