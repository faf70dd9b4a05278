import assert from 'node:assert/strict'
import { test } from 'node:test'
import { csvLine } from './csv.ts'

/** What a reader makes of it: quotes count at the begin of a cell alone (RFC 4180 2.5). */
function readBack(text: string, separator = ','): readonly (readonly string[])[] {
  const rows: string[][] = []
  let row: string[] = []
  const cell = new RegExp(`(?:"((?:[^"]|"")*)"|([^${separator}\\r\\n]*))(${separator}|\\r\\n|\\r|\\n)`, 'y')
  while (cell.lastIndex < text.length) {
    const [, quoted, bare = '', end] =
      cell.exec(text) ?? assert.fail(`no cell at ${text.slice(cell.lastIndex)}`)
    row.push(quoted?.replaceAll('""', '"') ?? bare)
    if (end === separator) continue
    rows.push(row)
    row = []
  }
  return rows
}

const command = "cmd|' /C calc'!A0"
const formulas = [
  ...['=', '+', '-', '@', '＝', '＋', '－', '＠'].flatMap((sign) => [
    sign + command,
    ` ${sign}${command}`,
    `\n${sign}${command}`,
    `\r\n ${sign}${command}`,
    `\t${sign}${command}`,
    `\u00a0\u200b\ufeff\u0000${sign}${command}`,
    `x;${sign}${command}`,
    `x\t${sign}${command}`,
    `x\n${sign}${command}`,
  ]),
]
/** What Excel, LibreOffice and Google Sheets take for the begin of a formula, whatever is not seen before it. */
const isFormula = (cell: string) => /^[\s\p{Cc}\p{Cf}]*[=+\-@＝＋－＠]/u.test(cell)

test('no cell begins with what a spreadsheet takes for a formula, whichever separator it takes (CWE-1236)', () => {
  for (const text of formulas)
    for (const separator of [',', ';', '\t']) {
      const cells = readBack(csvLine(['first', text, 'last']), separator).flat()
      assert.deepEqual(cells.filter(isFormula), [], JSON.stringify([text, separator]))
    }
})

test('a cell that begins with a tab or a line break begins with an apostrophe', () => {
  for (const text of ['\tx', '\rx', '\nx']) assert.ok(csvLine([text]).startsWith(`"'`))
})

test('whatever else stands in cells is read back as it was, line by line (RFC 4180)', () => {
  const plain = [
    '',
    'alice',
    'a,b',
    'say "no"',
    '"',
    'two\r\nlines',
    "it's",
    'a=b',
    '1-2',
    '{"a":"-5"}',
    'é ü 日本 🙂',
    ' x ',
  ]
  assert.deepEqual(readBack(csvLine(plain) + csvLine(plain)), [plain, plain])
})
