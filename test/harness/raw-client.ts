import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

/** An answer read off a socket, byte by byte, with nothing made of it. */
export interface RawReply {
  readonly status: number
  /** By lower-case name; repeated fields are joined by a line feed. */
  readonly fields: ReadonlyMap<string, string>
  readonly body: string
  /** The server closed the connection after this answer: in `lingerMs`, or when it had said that it would. */
  readonly closed: boolean
  readonly text: string
}

export interface RawOptions {
  /** PEM; TLS when given. */
  readonly ca?: Buffer
  readonly serverName?: string
  /** How long to look whether the server closes, since something came. */
  readonly lingerMs?: number
}

/** Writes octets to a listener as they are and reads what comes. Ends after fifteen seconds, whatever came. */
export function sendRaw(
  origin: string,
  octets: string | Buffer,
  options: RawOptions = {},
): Promise<RawReply> {
  return new Promise((resolve, reject) => {
    const socket = openSocket(origin, options)
    let received = Buffer.alloc(0)
    let closed = false
    let linger: NodeJS.Timeout | undefined
    const timer = setTimeout(() => finish(), 15_000)
    const bytes = Buffer.isBuffer(octets) ? octets : Buffer.from(octets, 'latin1')
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      const { lingerMs = 300 } = options
      clearTimeout(linger)
      if (!isComplete(received)) return
      // Whoever stood still for a moment would find the time over before it had seen the end.
      if (lingerMs === 0 || !announcesClose(received)) linger = setTimeout(finish, lingerMs)
    })
    socket.on('error', (error) => (received.length > 0 ? finish() : fail(error)))
    socket.on('close', () => {
      closed = true
      finish()
    })
    socket.write(bytes)
    function fail(error: Error): void {
      clearTimeout(timer)
      reject(error)
    }
    function finish(): void {
      clearTimeout(timer)
      clearTimeout(linger)
      socket.destroy()
      if (received.length === 0) reject(new Error('the server closed without a word'))
      else resolve(parseReply(received.toString('latin1'), closed))
    }
  })
}

export function openSocket(origin: string, { ca, serverName }: RawOptions = {}): Socket {
  const { hostname, port } = new URL(origin)
  if (ca) return connectTls({ host: hostname, port: Number(port), ca, servername: serverName ?? 'localhost' })
  return connect(Number(port), hostname)
}

function isComplete(received: Buffer): boolean {
  const text = received.toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end + 2))?.[1]
  if (length !== undefined) return received.length >= end + 4 + Number(length)
  return /\r\ntransfer-encoding: chunked/i.test(text.slice(0, end + 2)) ? text.endsWith('0\r\n\r\n') : true
}

function announcesClose(received: Buffer): boolean {
  return /\r\nconnection: close\r\n/i.test(received.toString('latin1'))
}

function parseReply(text: string, closed: boolean): RawReply {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [statusLine = '', ...lines] = head.split('\r\n')
  const fields = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    fields.set(name, fields.has(name) ? `${fields.get(name)}\n${value}` : value)
  }
  return { status: Number(statusLine.split(' ')[1]), fields, body: rest.join('\r\n\r\n'), closed, text }
}
