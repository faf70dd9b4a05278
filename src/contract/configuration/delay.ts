import { parseDuration } from '../../base/duration.ts'
import type { Section } from '../section.ts'

/** A timer of Node.js that is asked for more than 2^31 - 1 ms, which is 24 days and some hours, fires at once. */
const maxDelayMs = 24 * 86_400_000

/** Reads how long something is waited for. Never zero, which to some timers means no end. */
export function readTimeout(section: Section | undefined, key: string): number | undefined {
  const parse = (text: string) => parseDelay(text) || null
  return section?.parsed(key, parse, 'a duration above zero and of at most 24d, such as 10s')
}

/** Reads how long something is put off, which may be not at all. */
export function readDelay(section: Section, key: string): number | undefined {
  return section.parsed(key, parseDelay, 'a duration of at most 24d, such as 10s')
}

function parseDelay(text: string): number | null {
  const ms = parseDuration(text)
  return ms !== null && ms <= maxDelayMs ? ms : null
}
