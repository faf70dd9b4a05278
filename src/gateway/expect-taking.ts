import type { Socket } from 'node:net'

/** What Node.js counts of a connection: octets handed to the system, and those of them that it has not taken yet. */
interface Handle {
  readonly bytesWritten: number
  readonly writeQueueSize: number
  /** Of TLS: that of the connection under it. */
  readonly _parent?: Handle
}

/** Within the timeout, so that a thread that was late itself ends nobody: between two looks the system is asked. */
const looks = 4

const watched = new WeakSet<Socket>()

/**
 * ATTACK: E3, who does not read an answer holds its octets and its connection. Ends a connection of whose waiting octets
 * nothing is taken for so long, or up to a quarter longer; stops looking once none wait.
 * What the client sends gives it no time: `socket.setTimeout` would begin anew with each of its requests.
 */
export function expectTaking(socket: Socket, timeoutMs: number): void {
  if (watched.has(socket)) return
  watched.add(socket)
  let before = takenFrom(socket)
  let inVain = 0
  const timer = setInterval(look, timeoutMs / looks).unref()
  socket.once('close', stop)

  function look(): void {
    // The farewell of TLS waits in the system where nothing else does.
    const none = socket.writableLength === 0 && (!socket.writableEnded || socket.writableFinished)
    if (socket.destroyed || none) return stop()
    const taken = takenFrom(socket)
    inVain = taken > before ? 0 : inVain + 1
    before = taken
    if (inVain === looks) socket.destroy()
  }
  function stop(): void {
    clearInterval(timer)
    socket.off('close', stop)
    watched.delete(socket)
  }
}

/** The public counts know a write only as a whole; somebody may take a large one slowly. */
function takenFrom(socket: Socket): number {
  const { _handle: handle } = socket as Socket & { readonly _handle?: Handle | null }
  if (!handle) return 0
  const { bytesWritten, writeQueueSize } = handle._parent ?? handle
  return bytesWritten - writeQueueSize
}
