import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { tell } from './terminal.ts'

/** One line; at a terminal it is asked for and not shown. */
export async function readSecretLine(question: string): Promise<string> {
  if (!process.stdin.isTTY) return (await readStdin()).replace(/\r?\n$/, '')
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  lines.once('SIGINT', () => {
    lines.close()
    process.kill(process.pid, 'SIGINT')
  })
  tell(question)
  try {
    return await lines.question('')
  } finally {
    lines.close()
  }
}

/** Everything on standard input, as text. */
async function readStdin(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
