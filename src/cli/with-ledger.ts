import { actorOfProcess } from '../app/actor.ts'
import { openLedger } from '../app/open-ledger.ts'
import { codeOfError } from '../base/code-of-error.ts'
import { readLedgerSettings } from '../contract/read-ledger-settings.ts'
import { type Call, configurationOf, type ExitCode } from './command.ts'
import { tellAll } from './diagnostics.ts'
import { tell } from './terminal.ts'

type Ledger = Awaited<ReturnType<typeof openLedger>>

/**
 * Does something with the ledger that the configuration names. A configuration with problems elsewhere will do: a key
 * must be revocable while the contract is being mended.
 *
 * @param command as the ledger is to name it, should it be written
 */
export async function withLedger(
  command: string,
  call: Call,
  work: (ledger: Ledger) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { settings, diagnostics } = readLedgerSettings(configurationOf(call), process.env)
  if (!settings) {
    tellAll(diagnostics)
    return 1
  }
  let ledger: Ledger | null = null
  try {
    ledger = await openLedger(settings, actorOfProcess(command))
    return await work(ledger)
  } catch (error) {
    tell(`portcullis: the ledger of keys cannot be used: ${codeOfError(error)}`)
    return 1
  } finally {
    await ledger?.close()
  }
}
