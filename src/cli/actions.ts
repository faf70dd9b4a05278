import { nearest } from '../base/nearest.ts'
import { type Call, type ExitCode, UsageError } from './command.ts'

/** What a command does by its first word. */
export interface Actions {
  readonly [action: string]: {
    /** What its second word names, e.g. `the ID of a key`; null: it takes none. */
    readonly of: string | null
    readonly run: (call: Call) => Promise<ExitCode>
  }
}

/** Finds the action that a call names. @throws UsageError when there is none, or its second word is missing */
export function runAction(name: string, usage: string, actions: Actions, call: Call): Promise<ExitCode> {
  const [word = '', id] = call.operands
  const action = Object.hasOwn(actions, word) ? actions[word] : undefined
  if (!action) {
    const meant = nearest(word, Object.keys(actions))
    const hint = meant === null ? '' : `; did you mean ${meant}?`
    throw new UsageError(`${name} has no action ${word}${hint}\nusage: portcullis ${usage}`)
  }
  if (action.of !== null && id === undefined) throw new UsageError(`${name} ${word} needs ${action.of}`)
  if (action.of === null && id !== undefined) throw new UsageError(`${name} ${word} takes no second word`)
  return action.run(call)
}
