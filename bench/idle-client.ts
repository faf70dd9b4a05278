import { connect, type TLSSocket } from 'node:tls'

// A client in a process of its own: opens TLS connections, asks once on each, keeps them open until its input ends, and says
// how many are open.

const [port = '', wanted = '', target = ''] = process.argv.slice(2)
const sockets: TLSSocket[] = []
const atOnce = 32
let next = 0
await Promise.all(Array.from({ length: atOnce }, () => openNext()))
console.log(sockets.filter(({ destroyed }) => !destroyed).length)
process.stdin.resume().once('end', () => process.exit())

async function openNext(): Promise<void> {
  while (next < Number(wanted)) {
    const index = next++
    sockets.push(await open(`127.0.0.${2 + (index % 16)}`))
  }
}

function open(localAddress: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port: Number(port),
      // A client that cares for the certificate would cost this process time and the other nothing.
      rejectUnauthorized: false,
      ...({ localAddress } as object),
    })
    socket.once('error', reject)
    socket.once('secureConnect', () => socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`))
    socket.once('data', () => {
      socket.on('data', () => {})
      resolve(socket)
    })
  })
}
