import { maxTimerMs, parseDuration } from '../../base/duration.ts'
import type { Section } from '../section.ts'

const dayMs = 86_400_000
/** 24 whole days. */
const maxDelayMs = Math.floor(maxTimerMs / dayMs) * dayMs

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
