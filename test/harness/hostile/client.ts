import { readFileSync } from 'node:fs'
import { connect } from 'node:net'

// Sends prepared requests in turn over kept connections, from a process of its own, and tells how many were answered.
// Arguments: port, file with a JSON array of requests, how many to send.

const connections = 32
const [port = '', file = '', count = '0'] = process.argv.slice(2)
const requests = (JSON.parse(readFileSync(file, 'utf8')) as string[]).map((text) =>
  Buffer.from(text, 'latin1'),
)
const statuses: Record<string, number> = {}
let sent = 0
let answered = 0
await Promise.all(Array.from({ length: connections }, run))
console.log(JSON.stringify({ sent, answered, statuses }))

/** One connection after the other, as the gate closes them, until enough is sent. */
async function run(): Promise<void> {
  while (sent < Number(count)) await converse()
}

function converse(): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true })
    let rest: Buffer = Buffer.alloc(0)
    socket.on('connect', send)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => resolve())
    socket.on('data', (chunk: Buffer) => {
      rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
      const answer = lookAt(rest)
      if (answer === null || rest.length < answer.length) return
      answered++
      const status = rest.toString('latin1', 9, 12)
      statuses[status] = (statuses[status] ?? 0) + 1
      rest = rest.subarray(answer.length)
      if (answer.isLast) socket.end()
      else send()
    })

    function send(): void {
      if (sent >= Number(count)) return void socket.end()
      socket.write(requests[sent++ % requests.length] as Buffer)
    }
  })
}

/** Null while it is not known. */
function lookAt(octets: Buffer): { readonly length: number; readonly isLast: boolean } | null {
  const end = octets.indexOf('\r\n\r\n')
  if (end < 0) return null
  const head = octets.toString('latin1', 0, end)
  const length = end + 4 + Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
  return { length, isLast: /^connection: close/im.test(head) }
}
