import { createGateway } from '../app/create-gateway.ts'
import { StartError } from '../app/start-error.ts'
import { type Command, configurationOf, configurationOption, UsageError } from './command.ts'
import { tally, tellAll } from './diagnostics.ts'
import { tell } from './terminal.ts'

export const run: Command = {
  usage: 'run [-c FILE] [--workers N]',
  summary: 'open the gate; log on stdout, one JSON object a line',
  options: {
    config: configurationOption,
    workers: { type: 'string', value: 'N', help: 'worker threads; only 1 in this version' },
  },
  operands: [0, 0],
  async run(call) {
    const workers = call.text('workers') ?? '1'
    if (workers !== '1')
      throw new UsageError('--workers: this version runs one worker; leave it out, or write --workers 1')
    const configurationFile = configurationOf(call)
    try {
      const gateway = await createGateway({ configurationFile })
      process.on('SIGHUP', () => void gateway.reload())
      await new Promise<void>((resolve) => {
        process.once('SIGTERM', resolve)
        process.once('SIGINT', resolve)
      })
      // A second signal ends the process at once, as without us.
      await gateway.stop()
      return 0
    } catch (error) {
      if (!(error instanceof StartError)) throw error
      tellAll(error.diagnostics)
      tell(
        `portcullis: refused to start: ${error.diagnostics.length > 0 ? tally(error.diagnostics) : error.message}`,
      )
      return 1
    }
  },
}
