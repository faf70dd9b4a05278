/**
 * Where a spreadsheet begins a formula, although a client wrote it (CWE-1236): at the begin of a cell, also behind what is
 * not seen, in ASCII or fullwidth; and, where a reader takes another separator than the comma and so sees no quotes, behind
 * that separator.
 */
const formula = /(?<=^|[;\t\r\n])(?=[\s\p{Cc}\p{Cf}]*[=+\-@＝＋－＠])/gu

/** Tab and line breaks at the begin of a cell are let go by some readers, and what follows is read anew. */
const begin = /^(?=[\t\r\n])/

/** One line of CSV (RFC 4180); an apostrophe stands before what would be a formula. */
export function csvLine(cells: readonly string[]): string {
  return `${cells.map(cell).join(',')}\r\n`
}

function cell(text: string): string {
  const marked = text.replace(formula, "'")
  const safe = marked.replace(begin, "'")
  return /[",;\t\r\n' ]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
