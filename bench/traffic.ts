import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'

// A client in a process of its own: sends prepared requests over kept connections, and tells what came back.

/** What a client is told to do; JSON in its first argument. */
export interface Orders {
  /** The connections go to these in turn. */
  readonly ports: readonly number[]
  /** Loopback addresses the connections come from, in turn. */
  readonly from: readonly string[]
  readonly connections: number
  /**
   * Requests a second whatever the answers do (open loop), each on a connection that has no other under way; one that finds
   * none waits for it. null: each connection sends when it has its answer.
   */
  readonly rate: number | null
  readonly seconds: number
  /** Not all that is due in a millisecond comes together. The client is deaf for up to a tenth of one, which is in its latencies. */
  readonly even?: boolean
  /** The requests of the file change after so long, and not with each that is sent. */
  readonly turnMs?: number
  /** JSON: an array of whole requests, sent in turn. */
  readonly file: string
}

export interface Received {
  readonly sent: number
  /** Answers by status; `none`: due and not answered two seconds after the end. */
  readonly statuses: Readonly<Record<string, number>>
  /** From the request being due until its answer is read whole. */
  readonly latenciesUs: readonly number[]
  readonly byStatusUs: Readonly<Record<string, readonly number[]>>
  /** The same, of requests that were due after the first half second: what a load begins with is over. */
  readonly settledUs: Readonly<Record<string, readonly number[]>>
  /** When the first request was due, epoch milliseconds. */
  readonly startedMs: number
  /** With `turnMs`: latencies of the answers that came in each turn, once those to the requests of the turn before had come. */
  readonly turnsUs: readonly (readonly number[])[]
  /** Of one core, that this client took while it sent: near 1 it measures itself. */
  readonly ownShare: number
}

interface Connection {
  readonly socket: Socket
  sentMs: number
  rest: Buffer
}

const drainMs = 2000
const tickMs = 1
const evenTickMs = 0.1
const never = new Int32Array(new SharedArrayBuffer(4))
/** A client that shares its core and slept longer does not make up for it: the flood is to be even, not this client's stalls. */
const maxBurstMs = 4
const settledMs = 500
/** Answers to the requests of a turn come in this time of the next. */
export const turningMs = 100
/** By then all connections have been accepted. */
const acceptedMs = 300

if (import.meta.main) console.log(JSON.stringify(await follow(JSON.parse(process.argv[2] ?? '') as Orders)))

async function follow(orders: Orders): Promise<Received> {
  const requests = (JSON.parse(readFileSync(orders.file, 'utf8')) as string[]).map((text) =>
    Buffer.from(text, 'latin1'),
  )
  const statuses: Record<string, number> = {}
  const latenciesUs: number[] = []
  const byStatusUs: Record<string, number[]> = {}
  const settledUs: Record<string, number[]> = {}
  const turnsUs: number[][] = []
  let due = 0
  let sent = 0
  let ended = false
  const connections = await Promise.all(Array.from({ length: orders.connections }, (_, i) => open(i)))
  /** Since when requests wait for a connection, from `waiting[begun]` on. */
  const waiting: number[] = []
  let begun = 0
  const free = [...connections]
  await sleep(acceptedMs)
  const startedMs = performance.now()
  const before = process.cpuUsage()
  if (orders.rate === null) for (const connection of free.splice(0)) send(connection, performance.now())
  else await keepRate(orders.rate)
  await sleep(startedMs + orders.seconds * 1000 - performance.now())
  ended = true
  const own = process.cpuUsage(before)
  const ownShare = (own.user + own.system) / 1000 / (performance.now() - startedMs)
  const untilMs = performance.now() + drainMs
  const asked = () => (orders.rate === null ? sent : due)
  while (latenciesUs.length < asked() && performance.now() < untilMs) await sleep(10)
  if (latenciesUs.length < asked()) statuses.none = asked() - latenciesUs.length
  for (const { socket } of connections) socket.destroy()
  const epochMs = performance.timeOrigin + startedMs
  return {
    sent: asked(),
    statuses,
    latenciesUs,
    byStatusUs,
    settledUs,
    startedMs: epochMs,
    turnsUs,
    ownShare,
  }

  async function keepRate(rate: number): Promise<void> {
    let lostMs = 0
    let wokenMs = startedMs
    for (;;) {
      const nowMs = performance.now()
      if (nowMs - startedMs >= orders.seconds * 1000) return
      lostMs += Math.max(0, nowMs - wokenMs - maxBurstMs)
      wokenMs = nowMs
      for (; due < ((nowMs - startedMs - lostMs) * rate) / 1000; due++) {
        const connection = free.shift()
        if (connection) send(connection, performance.now())
        else waiting.push(nowMs)
      }
      if (!orders.even) await sleep(tickMs)
      else {
        Atomics.wait(never, 0, 0, evenTickMs)
        await nextTurn()
      }
    }
  }

  function send(connection: Connection, dueMs: number): void {
    connection.sentMs = dueMs
    const place = orders.turnMs ? Math.floor((performance.now() - startedMs) / orders.turnMs) : sent
    connection.socket.write(requests[place % requests.length] as Buffer)
    sent++
  }

  /** It has its answer. */
  function goOn(connection: Connection): void {
    if (orders.rate === null) {
      if (!ended) send(connection, performance.now())
    } else if (begun < waiting.length) send(connection, waiting[begun++] as number)
    else free.push(connection)
  }

  function open(index: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const localAddress = orders.from[index % orders.from.length] as string
      const port = orders.ports[index % orders.ports.length] as number
      const socket = connect({ host: '127.0.0.1', port, localAddress, noDelay: true })
      const connection: Connection = { socket, sentMs: 0, rest: Buffer.alloc(0) }
      socket.once('connect', () => resolve(connection))
      socket.on('error', (error) => reject(error))
      socket.on('data', (chunk) => receive(connection, chunk as Buffer))
    })
  }

  function addToTurn(turnMs: number, atMs: number, latencyUs: number): void {
    if (atMs % turnMs < turningMs) return
    const turn = Math.floor(atMs / turnMs)
    turnsUs[turn] ??= []
    turnsUs[turn].push(latencyUs)
  }

  function receive(connection: Connection, chunk: Buffer): void {
    connection.rest = connection.rest.length === 0 ? chunk : Buffer.concat([connection.rest, chunk])
    for (;;) {
      const end = connection.rest.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = connection.rest.toString('latin1', 0, end)
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
      if (length === undefined) throw new Error(`an answer without Content-Length: ${head}`)
      const whole = end + 4 + Number(length)
      if (connection.rest.length < whole) return
      connection.rest = connection.rest.subarray(whole)
      const status = head.slice(9, 12)
      statuses[status] = (statuses[status] ?? 0) + 1
      const nowMs = performance.now()
      const latencyUs = (nowMs - connection.sentMs) * 1000
      latenciesUs.push(latencyUs)
      if (orders.turnMs) addToTurn(orders.turnMs, nowMs - startedMs, latencyUs)
      add(byStatusUs, status, latencyUs)
      if (connection.sentMs - startedMs > settledMs) add(settledUs, status, latencyUs)
      goOn(connection)
    }
  }
}

function add(byStatus: Record<string, number[]>, status: string, us: number): void {
  byStatus[status] ??= []
  byStatus[status].push(us)
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)))
}
