import { availableParallelism } from 'node:os'
import { createGateway, type RunningGateway } from '../app/create-gateway.ts'
import { StartError } from '../app/start-error.ts'
import { type Command, configurationOf, configurationOption, UsageError } from './command.ts'
import { tally, tellAll } from './diagnostics.ts'
import { tell } from './terminal.ts'

export const run: Command = {
  usage: 'run [-c FILE] [--workers N]',
  summary: 'open the gate; its log is one JSON object a line, on stdout or in a file',
  options: {
    config: configurationOption,
    workers: { type: 'string', value: 'N', help: 'worker threads that serve; as many as there are cores' },
  },
  operands: [0, 0],
  async run(call) {
    const workers = workersOf(call.text('workers'))
    const configurationFile = configurationOf(call)
    try {
      // Signals that come before there is anything to reload would end the process. SIGUSR1 is the inspector's.
      let running: RunningGateway | null = null
      process.on('SIGHUP', () => void running?.reload())
      process.on('SIGUSR2', () => void running?.reopenLog())
      const gateway = await createGateway({ configurationFile, workers })
      running = gateway
      await new Promise<void>((resolve) => {
        const stop = () => {
          // A second signal ends the process at once, as without us, whichever of the two it is.
          process.off('SIGTERM', stop).off('SIGINT', stop)
          resolve()
        }
        process.on('SIGTERM', stop).on('SIGINT', stop)
      })
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

const maxWorkers = 256

function workersOf(text: string | undefined): number {
  if (text === undefined) return availableParallelism()
  const workers = /^[1-9]\d{0,2}$/.test(text) ? Number(text) : Number.NaN
  if (workers <= maxWorkers) return workers
  throw new UsageError(`--workers: write how many threads are to serve, from 1 to ${maxWorkers}`)
}
