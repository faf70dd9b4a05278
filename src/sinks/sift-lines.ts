/** Lines that were let go. */
export interface DroppedLines {
  /** Of requests that passed. */
  readonly requests: number
  /** Of denials and all other events. */
  readonly events: number
}

type Counted = { -readonly [C in keyof DroppedLines]: number }

/**
 * What of these lines there is room for; the others are counted.
 *
 * @param held characters that are held already
 * @param maxHeld room for lines of requests that passed; denials and events have as much again to themselves
 */
export function siftLines(
  lines: string,
  held: number,
  maxHeld: number,
  isRequest: (line: string) => boolean,
  dropped: Counted,
): string {
  let kept = ''
  for (const line of lines.split('\n').slice(0, -1)) {
    const ordinary = isRequest(line)
    const room = ordinary ? maxHeld : 2 * maxHeld
    if (held + kept.length + line.length < room) kept += `${line}\n`
    else dropped[ordinary ? 'requests' : 'events']++
  }
  return kept
}
