import type { Checkpoint } from '../../sinks/trail/checkpoint.ts'

const texts = ['chain', 'previous', 'content', 'keyId', 'signature'] as const

/**
 * Checkpoints in a text of JSON lines: as they are kept under `stateDir`, or as the log tells them (`trail_checkpoint`).
 * Lines of other events are passed over. @returns null when a line is no JSON
 */
export function readCheckpoints(text: string): readonly Checkpoint[] | null {
  const found: Checkpoint[] = []
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    const read = checkpointOf(line)
    if (read === null) return null
    if (read !== 'another') found.push(read)
  }
  return found
}

function checkpointOf(line: string): Checkpoint | 'another' | null {
  let read: { readonly [name: string]: unknown }
  try {
    read = JSON.parse(line) as typeof read
  } catch {
    return null
  }
  if (typeof read !== 'object' || read === null) return null
  const named = { ...read, timeMs: read.timeMs ?? read.time_ms, keyId: read.keyId ?? read.key_id }
  const { sequence, timeMs } = named as { readonly sequence?: unknown; readonly timeMs: unknown }
  const whole = texts.every(
    (name) => typeof (named as { readonly [key: string]: unknown })[name] === 'string',
  )
  if (!whole || !Number.isSafeInteger(sequence) || !Number.isSafeInteger(timeMs)) return 'another'
  const { chain, previous, content, keyId, signature } = named as unknown as Checkpoint
  return {
    chain,
    sequence: sequence as number,
    timeMs: timeMs as number,
    previous,
    content,
    keyId,
    signature,
  }
}
