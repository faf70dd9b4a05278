import { findOperation } from '../app/find-operation.ts'
import { compile } from '../contract/compile.ts'
import { type Command, configurationOf, configurationOption, UsageError } from './command.ts'
import { tally, tellAll } from './diagnostics.ts'
import { explainDeniedRequest } from './explain-denial.ts'
import { explainOperation } from './explain-operation.ts'
import { explainRequest } from './explain-request.ts'
import { jsonText, print, tell } from './terminal.ts'

export const explain: Command = {
  usage: 'explain [-c FILE] [--json] OPERATION | --request FILE | --id REQUEST_ID',
  summary: 'print who may call an operation, what is checked, which limits apply, and why',
  options: {
    config: configurationOption,
    request: { type: 'string', value: 'FILE', help: 'judge a request in HTTP/1.1 form, offline' },
    id: {
      type: 'string',
      value: 'REQUEST_ID',
      help: 'say why a request was denied, by the id in its answer',
    },
    json: { type: 'boolean', help: 'print the plan of the operation as JSON' },
  },
  operands: [0, 2],
  async run(call) {
    const request = call.text('request')
    const id = call.text('id')
    const asked = [request, id, call.operands[0]].filter((one) => one !== undefined)
    if (asked.length !== 1)
      throw new UsageError('explain takes an operation, --request FILE or --id REQUEST_ID')
    if (id !== undefined) return explainDeniedRequest(call, id)
    const { program, settings, diagnostics } = compile(configurationOf(call), process.env)
    if (!program || !settings) {
      tellAll(diagnostics)
      tell(`portcullis: ${tally(diagnostics)}`)
      return 1
    }
    if (request !== undefined) return explainRequest(program, request, call.flag('json'))
    // `GET /orders` may be written with or without quotes.
    const name = call.operands.join(' ')
    const found = findOperation(program, name)
    if (!found.found) {
      const hint = found.meant === null ? 'check lists none by that name' : `did you mean ${found.meant}?`
      tell(`portcullis: no operation is called ${name}; ${hint}`)
      return 1
    }
    print(
      call.flag('json')
        ? jsonText(found.operation, 2)
        : explainOperation(found.operation, program, settings.state),
    )
    return 0
  },
}
