#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { nearest } from '../base/nearest.ts'
import { placeOfError } from '../base/place-of-error.ts'
import { check } from './check.ts'
import { type Call, type Command, type ExitCode, UsageError } from './command.ts'
import { demo } from './demo.ts'
import { explain } from './explain.ts'
import { init } from './init.ts'
import { keys } from './keys.ts'
import { run } from './run.ts'
import { print, tell } from './terminal.ts'
import { tokens } from './tokens.ts'
import { trail } from './trail.ts'

const commands: { readonly [name: string]: Command } = {
  init,
  check,
  explain,
  run,
  keys,
  tokens,
  trail,
  demo,
}

// A reader that has seen enough, as in `check | head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  throw error
})
// The reader of the log is often that of stderr too, and a gate whose log nobody reads goes on.
process.stderr.on('error', () => {})

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    if (error instanceof UsageError) {
      tell(`portcullis: ${error.message}`)
      process.exitCode = 2
      return
    }
    tell(`portcullis: a defect, please report it\n${placeOfError(error)}`)
    process.exitCode = 1
  },
)

async function main(words: readonly string[]): Promise<ExitCode> {
  const [name, ...rest] = words
  if (name === undefined) throw new UsageError(`no command given\n${overview()}`)
  if (name === '-h' || name === '--help' || name === 'help') return said(overview())
  if (name === '--version' || name === 'version') return said(version())
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!command) {
    const meant = nearest(name, Object.keys(commands))
    throw new UsageError(
      `${name} is no command${meant === null ? '' : `; did you mean ${meant}?`}\n${overview()}`,
    )
  }
  const call = read(command, rest)
  if (call.flag('help')) return said(help(command))
  if (call.flag('version')) return said(version())
  const [least, most] = command.operands
  if (call.operands.length < least || call.operands.length > most)
    throw new UsageError(
      `${call.operands.length < least ? 'an operand is missing' : 'too many operands'}\nusage: portcullis ${command.usage}`,
    )
  return command.run(call)
}

function read({ usage, options }: Command, words: readonly string[]): Call {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        ...Object.fromEntries(
          Object.entries(options).map(([name, { type, short, multiple = false }]) => [
            name,
            { type, multiple, ...(short && { short }) },
          ]),
        ),
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
      },
    })
    const held: { readonly [name: string]: unknown } = values
    return {
      flag: (name) => held[name] === true,
      text: (name) => (typeof held[name] === 'string' ? held[name] : undefined),
      texts: (name) => (Array.isArray(held[name]) ? (held[name] as string[]) : []),
      operands: positionals,
    }
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split('. ')[0]}\nusage: portcullis ${usage}`)
  }
}

function said(text: string): ExitCode {
  print(text)
  return 0
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version
}

function overview(): string {
  const width = Math.max(...Object.values(commands).map(({ usage }) => usage.length))
  const rows = Object.values(commands).map(({ usage, summary }) => `  ${usage.padEnd(width)}  ${summary}`)
  return `usage: portcullis COMMAND\n\n${rows.join('\n')}\n\n  -h, --help and --version work everywhere.`
}

function help({ usage, summary, options }: Command): string {
  const named = Object.entries(options).map(([name, { short, value, help: text }]) => {
    const spelled = `${short ? `-${short}, ` : '    '}--${name}${value ? ` ${value}` : ''}`
    return `  ${spelled.padEnd(22)}  ${text}`
  })
  return [`usage: portcullis ${usage}`, '', `  ${summary}`, '', ...named].join('\n').trimEnd()
}
