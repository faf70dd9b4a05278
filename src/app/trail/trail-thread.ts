import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { batchOf, type TrailMessage } from '../../sinks/trail/trail-client.ts'
import { attachTrailFigures, type TrailMemory } from '../../sinks/trail/trail-figures.ts'
import { type TrailEvent, TrailWriter } from '../../sinks/trail/trail-writer.ts'
import { keepCheckpoint, keyOfTrail, openedWhenUsed, openTrail, type TrailPlace } from './open-trail.ts'
import { pruneTrail } from './prune-trail.ts'

/** What the main thread says to the thread of the trail. */
export type TrailOrder = { readonly kind: 'connect'; readonly port: MessagePort } | { readonly kind: 'stop' }
/** What it hears. */
export type TrailNews =
  | TrailEvent
  | {
      readonly event: 'trail_pruned' | 'trail_writer_died' | 'trail_writer_replaced'
      readonly [field: string]: unknown
    }

/** What the thread begins with. */
export interface TrailStart {
  readonly place: TrailPlace
  readonly chain: string
  /** Another thread began the chain, and has ended. */
  readonly resume: boolean
  readonly memory: TrailMemory
}

const pruneEveryMs = 3_600_000

// Writes the trail aside, so that no request but those that are on it waits for a disk.
const { place, chain, resume, memory } = workerData as TrailStart
const store = openedWhenUsed(() => openTrail(place, true))
const key = keyOfTrail(place)
const tell = (news: TrailNews) => parentPort?.postMessage(news)
const ports = new Set<MessagePort>()
const writer = new TrailWriter({
  store,
  key,
  chain,
  resume,
  figures: attachTrailFigures(memory),
  checkpointMs: place.trail.checkpointMs,
  nowMs: Date.now,
  tell,
  keep: (checkpoint) => keepCheckpoint(place.stateDir, checkpoint),
})
const opened = writer.open()
if (resume) void opened.then(() => tell({ event: 'trail_writer_replaced', chain }))

parentPort?.on('message', (order: TrailOrder) => {
  if (order.kind === 'connect') serve(order.port)
  else void stop()
})

function serve(port: MessagePort): void {
  ports.add(port)
  port.once('close', () => ports.delete(port))
  port.on('message', (message: TrailMessage) => {
    void opened.then(() => writer.write(batchOf(message))).then((written) => port.postMessage(written))
  })
}

async function stop(): Promise<void> {
  await opened
  await writer.close()
  // With nobody left to hear from, the thread ends.
  for (const port of ports) port.close()
  parentPort?.close()
}

const { keepMs } = place.trail
if (keepMs !== null) {
  const prune = () => {
    void pruneTrail(store, key, Date.now() - keepMs).then(
      (pruned) => pruned.entries > 0 && tell({ event: 'trail_pruned', ...pruned }),
      () => {},
    )
  }
  void opened.then(prune)
  setInterval(prune, pruneEveryMs).unref()
}
