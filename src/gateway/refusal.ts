import type { Duplex } from 'node:stream'
import { codeOfError } from '../base/code-of-error.ts'
import type { Peer } from '../base/message.ts'
import { type Denial, deny } from '../engine/decision.ts'
import { type Journal, openJournal } from '../engine/outcome.ts'
import type { Ending } from '../engine/record/ending.ts'
import { problemAnswer } from '../wire/problem.ts'
import { newRequestId, newTrace } from '../wire/random-ids.ts'
import { rawAnswer } from '../wire/raw-answer.ts'

/** Codes of Node's HTTP parser and server, and what they mean to the client. All others are bad framing. */
const denials: { readonly [code: string]: Denial } = {
  HPE_HEADER_OVERFLOW: deny('parse', 'header_too_large', 'the head is over its limit'),
  ERR_HTTP_REQUEST_TIMEOUT: deny('parse', 'request_timeout', 'the request did not arrive in time'),
}

/** Why the HTTP library refused; null when there is nobody left to tell. */
export function denialForClientError(error: NodeJS.ErrnoException): Denial | null {
  const { code = '' } = error
  if (code === 'ECONNRESET' || code === 'EPIPE') return null
  return denials[code] ?? deny('parse', 'malformed_request', codeOfError(error))
}

/**
 * Answers where there is no request to answer to: the library could not read one (attack H5). The connection closes.
 * @param socket null or unwritable: nothing is sent, only recorded
 */
export function refuse(socket: Duplex | null, peer: Peer, method: string, denial: Denial): Ending {
  const startedMs = performance.now()
  const journal: Journal = openJournal({ id: newRequestId(), trace: newTrace(), peer, method })
  const answer = socket?.writable ? problemAnswer(denial, journal, { encrypted: peer.encrypted }) : null
  if (answer) socket?.end(rawAnswer(answer), () => setTimeout(() => socket.destroy(), 500).unref())
  else socket?.destroy()
  return {
    journal,
    denial,
    status: answer?.status ?? null,
    durationMs: performance.now() - startedMs,
    responseBytes: answer ? Buffer.byteLength(answer.body) : 0,
  }
}
