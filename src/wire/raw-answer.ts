import { STATUS_CODES } from 'node:http'
import type { Answer } from './problem.ts'

/** An answer as octets, for a connection on which the HTTP library gave up; always the last one there. */
export function rawAnswer({ status, fields, body }: Answer): string {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\nDate: ${new Date().toUTCString()}\r\nConnection: close\r\n`
  for (let i = 0; i + 1 < fields.length; i += 2) head += `${fields[i]}: ${fields[i + 1]}\r\n`
  return `${head}\r\n${body}`
}
