import { openWrittenTrail } from '../app/trail/manage-trail.ts'
import { codeOfError } from '../base/code-of-error.ts'
import { readLedgerSettings } from '../contract/read-ledger-settings.ts'
import type { Settings, TrailSettings } from '../program/settings.ts'
import { type Call, configurationOf, type ExitCode } from './command.ts'
import { tellAll } from './diagnostics.ts'
import { tell } from './terminal.ts'

export type Store = Awaited<ReturnType<typeof openWrittenTrail>>
export type Place = Pick<Settings, 'stateDir'> & { readonly trail: TrailSettings }

/** Where the trail of the configuration is; null after telling why there is none. */
export function trailPlace(call: Call): Place | null {
  const { settings, diagnostics } = readLedgerSettings(configurationOf(call), process.env)
  if (!settings) {
    tellAll(diagnostics)
    return null
  }
  const { trail, stateDir } = settings
  if (trail) return { trail, stateDir }
  tell('portcullis: the configuration says trail: false')
  return null
}

/** Does something with the trail that the configuration names; a configuration with problems elsewhere will do. */
export async function withTrail(
  call: Call,
  work: (store: Store, place: Place) => Promise<ExitCode>,
): Promise<ExitCode> {
  const place = trailPlace(call)
  if (!place) return 1
  let store: Store | null = null
  try {
    store = await openWrittenTrail(place)
    return await work(store, place)
  } catch (error) {
    tell(`portcullis: the audit trail cannot be used: ${codeOfError(error)}`)
    return 1
  } finally {
    await store?.close()
  }
}
