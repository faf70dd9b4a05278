import { compile } from '../contract/compile.ts'
import { type Command, configurationOf, configurationOption } from './command.ts'
import { describe, tally } from './diagnostics.ts'
import { jsonText, paint, plural, print } from './terminal.ts'

export const check: Command = {
  usage: 'check [-c FILE] [--json]',
  summary: 'read contract and configuration, and report all problems at once',
  options: {
    config: configurationOption,
    json: { type: 'boolean', help: 'print one JSON document' },
  },
  operands: [0, 0],
  async run(call) {
    const { program, diagnostics, summary } = compile(configurationOf(call), process.env)
    const sound = program !== null
    if (call.flag('json')) {
      print(jsonText({ sound, digest: program?.digest ?? null, summary, problems: diagnostics }, 2))
      return sound ? 0 : 1
    }
    for (const diagnostic of diagnostics) print(describe(diagnostic, process.stdout))
    if (program) {
      print(`${plural(summary.operations, 'operation')}: ${describeSummary(summary)}`)
      print(`program ${program.digest}`)
    }
    print(sound ? paint('green', tally(diagnostics)) : paint('red', tally(diagnostics)))
    return sound ? 0 : 1
  },
}

function describeSummary({ operations, ...summary }: ReturnType<typeof compile>['summary']): string {
  const authenticated = operations - summary.public - summary.optional
  const parts = [`${authenticated} authenticated`, `${summary.public} public`]
  if (summary.optional > 0) parts.push(`${summary.optional} with optional authentication`)
  if (summary.decidedByConfiguration > 0)
    parts.push(`${summary.decidedByConfiguration} decided by security in the configuration`)
  return parts.join(', ')
}
