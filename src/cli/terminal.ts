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
