/** Exit codes of all commands: 0 as asked, 1 problems or refused, 2 the call cannot be understood. */
export type ExitCode = 0 | 1 | 2

export interface Option {
  readonly type: 'boolean' | 'string'
  readonly short?: string
  /** May be written several times. */
  readonly multiple?: boolean
  /** Stands for the value in the help, e.g. FILE. */
  readonly value?: string
  readonly help: string
}

/** What a command line holds after its command: options as named, and the rest in order. */
export interface Call {
  readonly flag: (name: string) => boolean
  readonly text: (name: string) => string | undefined
  /** Values of an option that may be written several times. */
  readonly texts: (name: string) => readonly string[]
  readonly operands: readonly string[]
}

export interface Command {
  /** e.g. `check [-c FILE] [--json]` */
  readonly usage: string
  readonly summary: string
  readonly options: { readonly [name: string]: Option }
  /** Least and most operands. */
  readonly operands: readonly [least: number, most: number]
  run(call: Call): Promise<ExitCode>
}

/** The call cannot be understood; the message says how to write it. */
export class UsageError extends Error {}

export const configurationOption: Option = {
  type: 'string',
  short: 'c',
  value: 'FILE',
  help: 'the configuration (default: portcullis.yaml)',
}

export function configurationOf(call: Call): string {
  return call.text('config') ?? 'portcullis.yaml'
}
