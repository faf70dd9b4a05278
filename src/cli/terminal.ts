import { relative } from 'node:path'
import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Colour only on a terminal, and never with NO_COLOR. */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(style, text, { stream, validateStream: true })
}

/** Results go to stdout. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Progress and problems go to stderr. */
export function tell(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** A path as the person at the terminal would write it. */
export function shownPath(file: string): string {
  const path = relative(process.cwd(), file)
  return path === '' || path.startsWith('../../..') ? file : path
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** ISO 8601, UTC. */
export function time(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}

/**
 * What clients, issuers and other people named themselves, on one line and within bounds: nothing in it writes over a terminal,
 * turns the direction of what follows, or is there without being seen (attack G3).
 */
export function printable(text: string, most = 512): string {
  const seen = text.replace(unseen, '')
  return seen.length > most ? `${seen.slice(0, most)}…` : seen
}
const unseen = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu

/** JSON in ASCII, for the same reason. @param indent blanks of one level; none for one line */
export function jsonText(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
