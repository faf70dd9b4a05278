const maxHeldBytes = 64 * 1024
const flushAfterMs = 10

/** Lines that are put together to pieces, so that not each is written by itself. */
export interface HeldLines {
  add(line: string): void
  /** Takes complete lines that do not wait, and writes what is held before them. */
  addNow(lines: string): void
  flush(): void
}

/**
 * Lines are held as octets: as strings, hundreds of them with all their pieces would outlive scavenges (V8).
 *
 * @param write takes a piece of complete lines
 */
export function holdLines(write: (lines: string) => void): HeldLines {
  const held = Buffer.allocUnsafeSlow(2 * maxHeldBytes)
  let heldBytes = 0
  let timer: NodeJS.Timeout | null = null

  return { add, addNow, flush }

  function add(line: string): void {
    if (heldBytes + line.length * 3 > held.length) flush()
    if (line.length * 3 > held.length) return write(line)
    heldBytes += held.write(line, heldBytes)
    if (heldBytes >= maxHeldBytes) flush()
    else timer ??= setTimeout(flush, flushAfterMs).unref()
  }

  function addNow(lines: string): void {
    flush()
    write(lines)
  }

  function flush(): void {
    if (timer) clearTimeout(timer)
    timer = null
    if (heldBytes === 0) return
    const lines = held.toString('utf8', 0, heldBytes)
    heldBytes = 0
    write(lines)
  }
}
