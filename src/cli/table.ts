import { printable } from './terminal.ts'

const maxCell = 200

/** Columns of text; what cannot be shown on a terminal is left out (attack G3), and so is the rest of a long text. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const safe = rows.map((row) => row.map((cell) => printable(cell, maxCell)))
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...safe.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return [line(titles), ...safe.map(line)].join('\n')
}
