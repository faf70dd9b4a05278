import { openLedger } from '../app/open-ledger.ts'
import { readLedgerSettings } from '../contract/read-ledger-settings.ts'
import { type Call, configurationOf, type ExitCode } from './command.ts'
import { tellAll } from './diagnostics.ts'
import { tell } from './terminal.ts'

type Ledger = Awaited<ReturnType<typeof openLedger>>

/**
 * Does something with the ledger that the configuration names. A configuration with problems elsewhere will do: a key
 * must be revocable while the contract is being mended.
 */
export async function withLedger(call: Call, work: (ledger: Ledger) => Promise<ExitCode>): Promise<ExitCode> {
  const { settings, diagnostics } = readLedgerSettings(configurationOf(call), process.env)
  if (!settings) {
    tellAll(diagnostics)
    return 1
  }
  let ledger: Ledger | null = null
  try {
    ledger = await openLedger(settings)
    return await work(ledger)
  } catch (error) {
    tell(`portcullis: the ledger of keys cannot be used: ${reasonOf(error as Error)}`)
    return 1
  } finally {
    await ledger?.close()
  }
}

/** A name with several addresses fails with one reason for each, and no words of its own. */
function reasonOf(error: Error): string {
  const errors = error instanceof AggregateError ? (error.errors as readonly Error[]) : []
  return error.message || errors.map(({ message }) => message).join('; ') || error.name
}
