import { introduce } from '../demo/introduce.ts'
import { walk } from '../demo/walk.ts'
import { startWorld } from '../demo/world.ts'
import type { Command, ExitCode } from './command.ts'
import { paint, plural, print, tell } from './terminal.ts'

export const demo: Command = {
  usage: 'demo [--check]',
  summary: 'run a small world: an orders API, an OAuth 2.0 server, the gate in front',
  options: { check: { type: 'boolean', help: 'walk the end-to-end flows, a row each, and exit' } },
  operands: [0, 0],
  run: (call) => (call.flag('check') ? checkDemo() : showDemo()),
}

async function showDemo(): Promise<ExitCode> {
  const world = await startWorld('usual')
  print(introduce(world))
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve)
    process.once('SIGINT', resolve)
  })
  await world.stop()
  return 0
}

async function checkDemo(): Promise<ExitCode> {
  tell('starting the orders API, the authorization server and the gate …')
  const world = await startWorld('free')
  let failed = 0
  let rows = 0
  try {
    for await (const { title, passed, seen } of walk(world)) {
      rows++
      if (!passed) failed++
      print(`${passed ? paint('green', 'pass') : paint('red', 'FAIL')}  ${title.padEnd(66)}  ${seen}`)
    }
  } finally {
    await world.stop()
  }
  print(failed === 0 ? `all ${plural(rows, 'row')} passed` : `${failed} of ${plural(rows, 'row')} failed`)
  return failed === 0 ? 0 : 1
}
