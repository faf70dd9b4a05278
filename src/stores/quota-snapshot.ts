import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { limitLines } from './bucket-table.ts'
import { attachDesk, type CountersMemory } from './counters-memory.ts'
import { wordsPerLine } from './line-locks.ts'

const lineBytes = wordsPerLine * 4
const lockWord = wordsPerLine - 1
const firstTag = 10
const slotsPerLine = 5
const doublesPerLine = wordsPerLine / 2
const digestBytes = 32
/** `PCQ` and the version of the format; reads as another number where octets are ordered otherwise. */
const format = 0x03514350
/** So many lines are looked at in one turn of the event loop, and so many are hashed and written at a time. */
const linesPerTurn = 4096
const ownerBytes = 16

/** Words of the head, which is as long as a line; doubles stand at even words. */
const head = { format: 0, lines: 1, limitLines: 2, count: 3, epoch: 4, savedAt: 6, secret: 8, owner: 10 }
/** Octets of a file that say who saved it. */
export const headBytes = lineBytes

/** The longest snapshot of a table. */
export function maxSnapshotBytes({ table: { lines } }: CountersMemory): number {
  return lineBytes * (1 + lines + limitLines) + digestBytes
}

/**
 * Copies the buckets of long limits that are not full, and the lines of limits: a head, lines as they stand in memory
 * with their number in the place of the lock, and SHA-256 of all that.
 *
 * Waits for no lock: an instant only grows while its tag stays, so each slot is as it was before or after a take. What is
 * drawn meanwhile is in the next snapshot. Those of limits come last, so that none holds back less than its buckets do.
 *
 * @param owner 16 octets, of whoever saves
 * @returns the snapshot in parts; null before the first take
 */
export async function snapshotQuotas(
  memory: CountersMemory,
  owner: Uint8Array,
  atMs: number,
): Promise<readonly Uint8Array[] | null> {
  const { startedMs } = attachDesk(memory)
  if (startedMs === null) return null
  const { lines } = memory.table
  const words = new Int32Array(memory.table.buckets)
  const instants = new Float64Array(memory.table.buckets)
  const parts: Int32Array[] = []
  let part = new Int32Array(0)
  let partInstants = new Float64Array(0)
  let count = 0
  for (let line = lines; line < 2 * lines + limitLines; line++) {
    if (line % linesPerTurn === 0) await nextTurn()
    if (!isLive(words, instants, line, atMs - startedMs, line >= 2 * lines)) continue
    const nth = count++ % linesPerTurn
    if (nth === 0) {
      part = new Int32Array(linesPerTurn * wordsPerLine)
      partInstants = new Float64Array(part.buffer)
      parts.push(part)
    }
    copyLine({ words, instants }, line, { words: part, instants: partInstants }, nth)
  }
  const inLast = count % linesPerTurn
  if (inLast > 0) parts.splice(-1, 1, part.subarray(0, inLast * wordsPerLine))
  const whole: Uint8Array[] = [encodeHead(memory, owner, count, startedMs, atMs)]
  for (const { buffer, byteOffset, byteLength } of parts)
    whole.push(new Uint8Array(buffer, byteOffset, byteLength))
  const digest = createHash('sha256')
  for (const octets of whole) {
    await nextTurn()
    digest.update(octets)
  }
  return [...whole, digest.digest()]
}

/** Who saved a file that begins with these octets, as text; null where that cannot be told. */
export function ownerIn(octets: Uint8Array): string | null {
  if (octets.length < headBytes) return null
  const read = Buffer.from(octets.buffer, octets.byteOffset, headBytes)
  if (read.readInt32LE(4 * head.format) !== format) return null
  return read.toString('hex', 4 * head.owner, 4 * head.owner + ownerBytes)
}

/**
 * Puts a snapshot in memory that nobody has used yet. A clock that went back since counts as no time passed: nobody gains
 * tokens by it, and nobody is held back for longer.
 * @returns why it cannot be used; nothing was changed then
 */
export function restoreQuotas(memory: CountersMemory, octets: Uint8Array, atMs: number): string | null {
  if (octets.length < lineBytes + digestBytes || octets.length > maxSnapshotBytes(memory))
    return 'its length is wrong'
  const body = new Uint8Array(octets.subarray(0, octets.length - digestBytes))
  const words = new Int32Array(body.buffer, 0, Math.floor(body.length / 4))
  if (words[head.format] !== format) return 'it has a format of another version'
  if (!digestOf(body).equals(octets.subarray(body.length))) return 'its checksum is wrong'
  const { lines, buckets } = memory.table
  if (words[head.lines] !== lines || words[head.limitLines] !== limitLines)
    return 'it is of a table of another size'
  const doubles = new Float64Array(body.buffer, 0, doublesPerLine)
  const epochMs = doubles[head.epoch / 2] as number
  const savedAtMs = doubles[head.savedAt / 2] as number
  const count = words[head.count] as number
  if (body.length !== lineBytes * (1 + count)) return 'its length is wrong'
  if (!isInstant(epochMs) || !isInstant(savedAtMs)) return 'its times make no sense'
  const places = Array.from(
    { length: count },
    (_, nth) => words[(nth + 1) * wordsPerLine + lockWord] as number,
  )
  if (places.some((line) => line < lines || line >= 2 * lines + limitLines))
    return 'it names lines that are not there'
  const target = new Int32Array(buckets)
  for (const [nth, line] of places.entries()) {
    const from = (nth + 1) * wordsPerLine
    target.set(words.subarray(from, from + lockWord), line * wordsPerLine)
  }
  memory.secret.set(body.subarray(head.secret * 4, head.secret * 4 + 8))
  attachDesk(memory).startFrom(Math.floor(epochMs - Math.max(0, savedAtMs - atMs)))
  return null
}

function isInstant(atMs: number): boolean {
  return Number.isFinite(atMs) && atMs > 0 && atMs < Number.MAX_SAFE_INTEGER
}

function isLive(
  words: Int32Array,
  instants: Float64Array,
  line: number,
  nowMs: number,
  ofLimit: boolean,
): boolean {
  const tags = line * wordsPerLine + firstTag
  if (ofLimit) return words[tags] !== 0 || words[tags + 1] !== 0
  for (let nth = 0; nth < slotsPerLine; nth++)
    if (words[tags + nth] !== 0 && (instants[line * doublesPerLine + nth] as number) >= nowMs) return true
  return false
}

/** The same memory, as words and as the instants in it. */
interface Lines {
  readonly words: Int32Array
  readonly instants: Float64Array
}

/**
 * Copies a line so that each instant is of the tag beside it, unless the line changes hands over and over. An instant is read
 * at once: of two halves one might be of before a take, and one of after it.
 */
function copyLine(from: Lines, line: number, to: Lines, place: number): void {
  const at = line * wordsPerLine
  const copy = place * wordsPerLine
  for (let tries = 0; tries < 4; tries++) {
    for (let nth = firstTag; nth < lockWord; nth++) to.words[copy + nth] = Atomics.load(from.words, at + nth)
    for (let nth = 0; nth < slotsPerLine; nth++)
      to.instants[place * doublesPerLine + nth] = from.instants[line * doublesPerLine + nth] as number
    let same = true
    for (let nth = firstTag; nth < lockWord; nth++)
      if (Atomics.load(from.words, at + nth) !== to.words[copy + nth]) same = false
    if (same) break
  }
  to.words[copy + lockWord] = line
}

function encodeHead(
  { table: { lines }, secret }: CountersMemory,
  owner: Uint8Array,
  count: number,
  epochMs: number,
  savedAtMs: number,
): Uint8Array {
  const octets = new Uint8Array(headBytes)
  const words = new Int32Array(octets.buffer)
  const doubles = new Float64Array(octets.buffer)
  words[head.format] = format
  words[head.lines] = lines
  words[head.limitLines] = limitLines
  words[head.count] = count
  doubles[head.epoch / 2] = epochMs
  doubles[head.savedAt / 2] = savedAtMs
  octets.set(secret, head.secret * 4)
  octets.set(owner, head.owner * 4)
  return octets
}

function digestOf(octets: Uint8Array): Buffer {
  return createHash('sha256').update(octets).digest()
}
