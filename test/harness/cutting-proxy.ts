import { connect, createServer, type Socket } from 'node:net'

/** Where in a transaction the connection breaks. */
export type CutPlace =
  /** As by a server that is stopped: it says so behind the answer to a statement, before anything else is asked. */
  | 'shutdown'
  /** COMMIT was sent, and does not arrive. */
  | 'before COMMIT'
  /** COMMIT took place, and its answer does not arrive. */
  | 'after COMMIT'
  /** The connection breaks first, and COMMIT arrives when `release` is called. */
  | 'late COMMIT'
  /** The same, and the connection stays until the client gives it up. */
  | 'held COMMIT'
  /** COMMIT took place, and nothing is heard of it: the connection stays. */
  | 'silence'

export interface Cut {
  readonly at: CutPlace
  /** RST in place of FIN. */
  readonly reset?: boolean
  /** Which transaction: judged by all that was sent of it. */
  readonly of: (sent: string) => boolean
  /** From then on no connection is taken, and those there are end. */
  readonly outage?: boolean
}

/** Stands before PostgreSQL on loopback and breaks a connection at one place of a transaction. */
export interface CuttingProxy {
  readonly url: string
  /** Cuts that took place. */
  readonly cuts: number
  /** For the next transaction that fits. */
  cut(cut: Cut): void
  /** Ends an outage, and lets a late COMMIT arrive. Resolves once that is answered. */
  release(): Promise<void>
  stop(): Promise<void>
}

/** @param url of the server itself */
export async function startCuttingProxy(url: string): Promise<CuttingProxy> {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  let wanted: Cut | null = null
  let outage = false
  let cuts = 0
  let late: (() => Promise<void>) | null = null

  const server = createServer((client) => {
    if (outage) return void client.destroy()
    const upstream = connect(Number(target.port), target.hostname)
    let started = false
    let sent = ''
    let cutting: Cut | null = null
    let detached = false
    for (const socket of [client, upstream]) {
      socket.setNoDelay()
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    }
    client.on('close', () => detached || upstream.destroy())
    upstream.on('close', () => client.destroy())

    onFrames(
      client,
      () => started,
      (frame) => {
        if (!started) {
          started = true
          return void upstream.write(frame)
        }
        if (cutting !== null) return
        const text = frame.toString('latin1')
        if (text.slice(5, 10) === 'BEGIN') sent = ''
        sent += text
        if (!wanted?.of(sent) || !endsAt(wanted.at, frame)) return void upstream.write(frame)
        cutting = take()
        if (cutting.at === 'late COMMIT' || cutting.at === 'held COMMIT') {
          detached = true
          late = async () => {
            const answered = new Promise((resolve) => upstream.once('data', resolve))
            upstream.write(frame)
            await answered
            upstream.destroy()
          }
        } else if (cutting.at !== 'before COMMIT') return void upstream.write(frame)
        if (cutting.at !== 'held COMMIT') breakOff(cutting)
      },
    )

    upstream.on('data', (octets: Buffer) => {
      if (cutting === null) return void client.write(octets)
      if (detached || cutting.at === 'silence') return
      if (cutting.at === 'shutdown') client.write(Buffer.concat([octets, terminated]))
      breakOff(cutting)
    })

    function breakOff({ reset, outage: lasts }: Cut): void {
      if (reset) client.resetAndDestroy()
      else client.end()
      if (lasts) for (const socket of sockets) if (socket !== client && !late) socket.destroy()
    }
  })

  function take(): Cut {
    const taken = wanted as Cut
    wanted = null
    cuts++
    if (taken.outage) outage = true
    return taken
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { readonly port: number }
  const own = new URL(url)
  own.port = String(port)
  return {
    url: own.href,
    get cuts() {
      return cuts
    },
    cut(cut) {
      wanted = cut
    },
    async release() {
      const commit = late
      late = null
      await commit?.()
      outage = false
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** FATAL 57P01, as PostgreSQL says it. */
const fields = 'SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0'
const terminated = Buffer.concat([Buffer.from('E\0\0\0'), Buffer.of(fields.length + 4), Buffer.from(fields)])

/** Whether the cut is made at this message of a transaction: COMMIT, else the Sync that ends a statement with values. */
function endsAt(at: CutPlace, frame: Buffer): boolean {
  return at === 'shutdown' ? frame[0] === 0x53 : frame.toString('latin1', 5, 11) === 'COMMIT'
}

/** Calls for each message of the frontend: length and payload at first, type, length and payload from then on. */
function onFrames(from: Socket, typed: () => boolean, take: (frame: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  from.on('data', (octets: Buffer) => {
    rest = Buffer.concat([rest, octets])
    for (;;) {
      const start = typed() ? 1 : 0
      if (rest.length < start + 4) return
      const end = start + rest.readInt32BE(start)
      if (rest.length < end) return
      const frame = rest.subarray(0, end)
      rest = rest.subarray(end)
      take(frame)
    }
  })
}
