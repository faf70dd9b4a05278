import { existsSync, writeFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { ensureDevelopmentCertificate } from '../app/development-certificate.ts'
import { compile } from '../contract/compile.ts'
import { type OutlinedContract, outlineContract } from '../contract/outline.ts'
import { type Command, UsageError } from './command.ts'
import { describe } from './diagnostics.ts'
import { type Draft, draftConfiguration } from './draft-configuration.ts'
import { paint, plural, print, shownPath } from './terminal.ts'

export const init: Command = {
  usage: 'init [-o FILE] OPENAPI',
  summary: 'write a portcullis.yaml that starts, and say what is left to decide',
  options: {
    output: { type: 'string', short: 'o', value: 'FILE', help: 'what to write (default: portcullis.yaml)' },
  },
  operands: [1, 1],
  async run(call) {
    const [contract = ''] = call.operands
    const output = resolve(call.text('output') ?? 'portcullis.yaml')
    if (!existsSync(contract)) throw new UsageError(`${contract} does not exist; name an OpenAPI document`)
    if (existsSync(output))
      throw new UsageError(`${shownPath(output)} exists and is left as it is; write elsewhere with -o FILE`)
    const outline = outlineContract(resolve(contract))
    if (!outline.readable) {
      for (const diagnostic of outline.diagnostics) print(describe(diagnostic, process.stdout))
      throw new UsageError(`${contract} cannot be read as an OpenAPI document`)
    }
    const { cert, key } = await ensureDevelopmentCertificate(resolve(dirname(output), 'tls'))
    const near = (file: string) => {
      const path = relative(dirname(output), resolve(file))
      return path.startsWith('.') ? path : `./${path}`
    }
    const draft = draftConfiguration(outline.contract, {
      contract: near(contract),
      cert: near(cert),
      key: near(key),
    })
    writeFileSync(output, draft.text, { flag: 'wx' })
    report(output, outline.contract, draft)
    return 0
  },
}

function report(output: string, contract: OutlinedContract, draft: Draft): void {
  print(`${shownPath(output)} is written for ${plural(contract.operations, 'operation')}. Left to decide:`)
  for (const [index, { what, why }] of draft.undecided.entries()) {
    print(`  ${index + 1}. ${paint('bold', what)}`)
    print(`     ${why}`)
  }
  const { program, diagnostics } = compile(output, process.env)
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  if (program) print(`It starts as it is: portcullis run${named(output)}`)
  else {
    print(`It does not start yet. The document itself has ${plural(errors.length, 'problem')}:`)
    for (const diagnostic of errors.slice(0, 10)) print(describe(diagnostic, process.stdout))
    if (errors.length > 10) print(`… and ${errors.length - 10} more: portcullis check${named(output)}`)
  }
}

function named(output: string): string {
  return shownPath(output) === 'portcullis.yaml' ? '' : ` -c ${shownPath(output)}`
}
