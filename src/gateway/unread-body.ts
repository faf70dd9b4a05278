import type { IncomingMessage } from 'node:http'
import type { Denial } from '../engine/decision.ts'

/** Largest body that is read past after a denial instead of closing the connection. */
const maxSkippedBytes = 64 * 1024
const maxDrainedBytes = 1024 * 1024
const maxDrainMs = 1000

/**
 * What becomes of a body nobody read, once the answer is written.
 * `keep`: it is small, announced, and skipped by the same parser that would have read it; the connection goes on.
 * `drain`: the connection closes, after what is on its way was let in for a moment, or the client would lose the answer
 * to a reset (RFC 9112 9.6). `close`: at once.
 */
export function fateOfBody(message: IncomingMessage, denial: Denial | null): 'keep' | 'drain' | 'close' {
  // ATTACK: E1, E2, after bad framing nothing that follows can be trusted to be a request.
  if (denial && (denial.reason === 'malformed_request' || denial.reason === 'upgrade_refused')) return 'close'
  if (message.complete) return 'keep'
  const { 'content-length': length, 'transfer-encoding': coding, expect } = message.headers
  // RFC 9112 6.3: no body. While the parser still has its head in hand, not even such a message is complete.
  if (length === undefined && coding === undefined) return 'keep'
  if (expect === undefined && length !== undefined && Number(length) <= maxSkippedBytes) {
    return denial?.reason === 'request_timeout' ? 'close' : 'keep'
  }
  return 'drain'
}

/** Reads past what still comes, bounded in octets and time, then calls `done` once. */
export function drainOnce(message: IncomingMessage, done: () => void): void {
  let octets = 0
  const timer = setTimeout(finish, maxDrainMs)
  message.on('data', onData).once('end', finish).once('close', finish)
  message.resume()
  function onData(chunk: Buffer): void {
    octets += chunk.length
    if (octets > maxDrainedBytes) finish()
  }
  function finish(): void {
    clearTimeout(timer)
    message.off('data', onData).off('end', finish).off('close', finish)
    done()
  }
}
