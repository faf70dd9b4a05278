import { type DenialExplanation, explainDenial, placesOf } from '../app/trail/explain-denial.ts'
import { compile } from '../contract/compile.ts'
import { readLedgerSettings } from '../contract/read-ledger-settings.ts'
import type { SourcePosition } from '../program/program.ts'
import { type Call, configurationOf, type ExitCode } from './command.ts'
import { tellAll } from './diagnostics.ts'
import { jsonText, print, printable, shownPath, tell } from './terminal.ts'

/** Says why the request with this id was denied. A contract with problems costs the places in it, and nothing else. */
export async function explainDeniedRequest(call: Call, requestId: string): Promise<ExitCode> {
  const { settings, diagnostics } = readLedgerSettings(configurationOf(call), process.env)
  if (!settings) {
    tellAll(diagnostics)
    return 1
  }
  const { program } = compile(configurationOf(call), process.env)
  const operations = program ? placesOf(program) : []
  const found = await explainDenial({ ...settings, requestId, operations })
  if (!found) {
    tell(
      `portcullis: no denial of the request ${printable(requestId)} is known; only the last ones are, and those on the trail`,
    )
    return 1
  }
  print(call.flag('json') ? jsonText(found, 2) : inWords(found))
  return 0
}

function inWords(found: DenialExplanation): string {
  const rows: (readonly [string, string])[] = [
    ['when', found.time],
    [
      'operation',
      [found.operation ?? 'none', found.method, found.declared && place(found.declared)]
        .filter(Boolean)
        .join('  '),
    ],
    [
      'denied',
      `${found.status ?? 'with no answer'} ${found.reason ?? ''}, by the stage ${found.stage ?? ''}`,
    ],
  ]
  if (found.detail) rows.push(['because', found.detail])
  if (found.rule) rows.push(['rule', found.rule])
  for (const { in: part, pointer, message, seen, declared } of found.faults)
    rows.push([
      'fault',
      `${part} ${pointer}`.trimEnd() +
        `  ${message}${seen === undefined ? '' : ` (seen: ${seen})`}${declared ? `  ${place(declared)}` : ''}`,
    ])
  const caller = [
    found.subject,
    found.client && `client ${found.client}`,
    found.key_id && `key ${found.key_id}`,
  ]
  rows.push([
    'caller',
    `${caller.filter(Boolean).join(', ') || 'not known'}${found.issuer ? `, of ${found.issuer}` : ''}`,
  ])
  if (found.address) rows.push(['address', found.address])
  rows.push(['trace', found.trace_id ?? ''], ['found', `in ${found.found}`])
  return [found.request_id, ...rows.map(([name, text]) => `  ${name.padEnd(10)}${text}`)]
    .map((line) => printable(line))
    .join('\n')
}

function place({ file, line, column }: SourcePosition): string {
  return `${shownPath(file)}:${line}:${column}`
}
