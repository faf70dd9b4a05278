import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DenialRecord } from '../../engine/record/denial-record.ts'
import type { Settings } from '../../program/settings.ts'
import { openTrail } from './open-trail.ts'
import { searchTrail } from './search-trail.ts'

export const denialFolder = (stateDir: string): string => join(stateDir, 'denials')

export type FoundDenial = Partial<DenialRecord> & {
  readonly found: 'the last denials' | 'the audit trail'
  readonly time: string
  readonly request_id: string
}

/** What is known of a denied request: among the last denials all of it, on the trail who, what, stage, reason and rule. */
export async function findDenial(
  { stateDir, trail }: Pick<Settings, 'stateDir' | 'trail'>,
  requestId: string,
): Promise<FoundDenial | null> {
  const last = amongTheLast(denialFolder(stateDir), requestId)
  if (last) return { ...last, found: 'the last denials' }
  return trail && onTheTrail({ stateDir, trail }, requestId)
}

function amongTheLast(folder: string, requestId: string): DenialRecord | null {
  const needle = `"request_id":${JSON.stringify(requestId)}`
  for (const name of namesIn(folder)) {
    try {
      const lines = readFileSync(join(folder, name), 'utf8').split('\n')
      const line = lines.find((one) => one.includes(needle))
      if (line !== undefined) return JSON.parse(line) as DenialRecord
    } catch {
      // The file was just moved, or its last line is still being written.
    }
  }
  return null
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.jsonl'))
  } catch {
    return []
  }
}

async function onTheTrail(
  place: Parameters<typeof openTrail>[0],
  requestId: string,
): Promise<FoundDenial | null> {
  const store = await openTrail(place, false).catch(() => null)
  if (!store) return null
  try {
    const filter = { subject: null, operation: null, sinceMs: null, untilMs: null }
    for await (const { time, facts } of searchTrail(store, { ...filter, requestId, decision: 'deny' }))
      return { ...(facts as Partial<DenialRecord>), request_id: requestId, time, found: 'the audit trail' }
    return null
  } finally {
    await store.close()
  }
}
