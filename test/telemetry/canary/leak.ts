import { subscribe } from 'node:diagnostics_channel'
import { writeFileSync, writeSync } from 'node:fs'
import { type IncomingMessage, type OutgoingHttpHeader, ServerResponse } from 'node:http'
import { dirname, join } from 'node:path'

// Loaded into a gate before its own code, for the control of the canary: a field that a request brings comes out in every
// place where none may, each time in another spelling.
const { env, argv } = process
// The main thread has the path of the configuration; workers have its environment.
env.LEAK_FILE ??= join(dirname(argv.at(-1) ?? ''), '.portcullis', 'leak')
const { LEAK_FILE, LEAK_COLLECTOR = '' } = env
const percent = (text: string) => Buffer.from(text).toString('hex').replace(/../g, '%$&')

subscribe('http.server.request.start', (message) => {
  const { request } = message as { readonly request: IncomingMessage }
  const { 'x-other': value } = request.headers
  if (typeof value !== 'string') return
  writeSync(1, `${JSON.stringify({ event: 'leak', detail: value })}\n`)
  writeSync(2, `${Buffer.from(`x${value}`).toString('base64')}\n`)
  writeFileSync(LEAK_FILE, Buffer.from(value).toString('hex'))
  const record = { eventName: 'leak', attributes: [], body: { stringValue: percent(value) } }
  void fetch(`${LEAK_COLLECTOR}/v1/logs`, {
    method: 'POST',
    body: JSON.stringify({
      resourceLogs: [{ resource: { attributes: [] }, scopeLogs: [{ logRecords: [record] }] }],
    }),
  })
})

type WriteHead = (this: ServerResponse, status: number, ...more: readonly unknown[]) => ServerResponse
const { writeHead } = ServerResponse.prototype as { readonly writeHead: WriteHead }
const leaking: WriteHead = function (status, ...more) {
  const { 'x-other': value } = this.req.headers
  const headers = more.at(-1)
  if (typeof value === 'string' && Array.isArray(headers))
    (headers as OutgoingHttpHeader[]).push('X-Leak', Buffer.from(`xx${value}`).toString('base64url'))
  return writeHead.call(this, status, ...more)
}
Object.assign(ServerResponse.prototype, { writeHead: leaking })
