/** What a spreadsheet takes for a formula, although a client wrote it (CWE-1236). */
const formula = /^[=+\-@\t\r]/

/** One line of CSV (RFC 4180); a cell that would be a formula begins with an apostrophe. */
export function csvLine(cells: readonly string[]): string {
  return `${cells.map(cell).join(',')}\r\n`
}

function cell(text: string): string {
  const safe = formula.test(text) ? `'${text}` : text
  return /[",\r\n']/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
