import { parseIp } from './ip.ts'
import { placeOfError } from './place-of-error.ts'

/**
 * Trouble in this program's own words.
 * INVARIANT: none of them came from a client, an issuer, a store or an upstream, and none is a secret of the configuration.
 */
export class OwnError extends Error {}

/**
 * Why something failed, for the operator: the code of the system, the database or the library, and the address it was met at.
 * INVARIANT: never the message of anybody else's error, which may hold a password of a URL, a field, or content.
 */
export function codeOfError(error: unknown): string {
  return codeAt(error, 4) ?? kindOf(error)
}

/** Null when it has no code, and none of its causes has. */
function codeAt(error: unknown, depth: number): string | null {
  if (error instanceof OwnError) return error.message
  if (!(error instanceof Error) || depth === 0) return null
  if (error instanceof AggregateError) {
    // A name with several addresses fails with one reason for each.
    const codes = new Set(error.errors.slice(0, 8).map((one) => codeAt(one, depth - 1)))
    codes.delete(null)
    if (codes.size > 0) return [...codes].join(', ')
  }
  const own = ownCode(error)
  if (own !== null) return own + placeOf(error)
  const { lastNodeError, cause = lastNodeError } = error as Error & { readonly lastNodeError?: unknown }
  return codeAt(cause, depth - 1) ?? knownPart(error.message)
}

function ownCode({
  code,
  errcode,
  name,
  message,
}: Error & { code?: unknown; errcode?: unknown }): string | null {
  if (typeof errcode === 'number') return sqliteCode(errcode)
  if (name === 'ReplyError')
    return `Redis ${redisCodes.find((one) => message.startsWith(`${one} `)) ?? 'error'}`
  if (name === 'HTTPParserError') {
    const reason = parserReasons.find((one) => message.endsWith(`(${one})`))
    return reason === undefined ? name : `${name} ${reason}`
  }
  if (typeof code !== 'string') return null
  if (sqlState.test(code)) return `SQLSTATE ${code}${sqlStates[code] ?? ''}`
  return /^[A-Z][A-Z0-9_]{2,63}$/.test(code) ? code : null
}

/** Of the socket; names are left out, for what stands in the place of a host may be a part of a password. */
function placeOf(error: Error): string {
  const { address, port } = error as { readonly address?: unknown; readonly port?: unknown }
  if (typeof address !== 'string' || parseIp(address) === null || !Number.isInteger(port)) return ''
  return address.includes(':') ? ` [${address}]:${port}` : ` ${address}:${port}`
}

/** What is told is the part that is known, and not what may follow it. */
function knownPart(message: string): string | null {
  return knownSentences.find((one) => message === one || message.startsWith(`${one}.`)) ?? null
}

function kindOf(error: unknown): string {
  if (error instanceof Error && knownNames.has(error.name)) return error.name
  return placeOfError(error).split('\n', 2).join('').replace(/ +/g, ' ')
}

/** @see https://sqlite.org/rescode.html: the low octet is the primary code */
function sqliteCode(code: number): string {
  return `SQLITE_${sqliteCodes[code & 255] ?? 'ERROR'} (${code})`
}

const sqliteCodes: { readonly [code: number]: string } = {
  2: 'INTERNAL',
  3: 'PERM',
  5: 'BUSY',
  6: 'LOCKED',
  7: 'NOMEM',
  8: 'READONLY',
  9: 'INTERRUPT',
  10: 'IOERR',
  11: 'CORRUPT',
  13: 'FULL',
  14: 'CANTOPEN',
  15: 'PROTOCOL',
  17: 'SCHEMA',
  18: 'TOOBIG',
  19: 'CONSTRAINT',
  20: 'MISMATCH',
  21: 'MISUSE',
  22: 'NOLFS',
  23: 'AUTH',
  26: 'NOTADB',
}

/** No class of PostgreSQL's begins with E, where the system's codes do. */
const sqlState = /^(?:\d[0-9A-Z]|F0|HV|P0|XX)[0-9A-Z]{3}$/
/** @see https://www.postgresql.org/docs/current/errcodes-appendix.html */
const sqlStates: { readonly [code: string]: string } = {
  '08006': ' connection_failure',
  '25006': ' read_only_sql_transaction',
  '28000': ' invalid_authorization_specification',
  '28P01': ' invalid_password',
  '3D000': ' invalid_catalog_name',
  '40001': ' serialization_failure',
  '42501': ' insufficient_privilege',
  '42703': ' undefined_column',
  '42P01': ' undefined_table',
  '53100': ' disk_full',
  '53300': ' too_many_connections',
  '57014': ' query_canceled',
  '57P01': ' admin_shutdown',
  '57P03': ' cannot_connect_now',
}

/** First words of what Redis and Valkey answer in place of a result. */
const redisCodes = [
  ...['ERR', 'ASK', 'BUSY', 'CLUSTERDOWN', 'CROSSSLOT', 'DENIED', 'EXECABORT', 'LOADING', 'MASTERDOWN'],
  ...['MISCONF', 'MOVED', 'NOAUTH', 'NOGOODSLAVE', 'NOPERM', 'NOREPLICAS', 'NOSCRIPT', 'OOM', 'READONLY'],
  ...['TRYAGAIN', 'UNKILLABLE', 'WRONGPASS', 'WRONGTYPE'],
]

/** What llhttp finds wrong with an answer; undici puts it into a sentence, and gives no code. */
const parserReasons = [
  ...["Content-Length can't be present with Transfer-Encoding", 'Content-Length overflow'],
  ...['Data after `Connection: close`', 'Duplicate Content-Length', 'Empty Content-Length', 'Expected CRLF'],
  ...[
    'Expected HTTP/',
    'Expected HTTP/, RTSP/ or ICE/',
    'Expected LF after CR',
    'Expected LF after chunk size',
  ],
  ...['Expected LF after headers', 'Expected space after version', 'Invalid HTTP version'],
  ...['Invalid `Transfer-Encoding` header value', 'Invalid character in Content-Length'],
  ...['Invalid character in chunk size', 'Invalid header field char', 'Invalid header token'],
  ...['Invalid header value char', 'Invalid response status', 'Invalid status code'],
  ...['Missing expected CR after header value', 'Missing expected CR after response line'],
  ...['Missing expected LF after header value', "Transfer-Encoding can't be present with Content-Length"],
  ...['Unexpected space after start line', 'Unexpected whitespace after header value'],
]

/** Of errors that have no code, where the class says less. */
const knownNames: ReadonlySet<string> = new Set(['AbortError', 'TimeoutError'])

/** What drivers say where they give no code. */
const knownSentences: readonly string[] = [
  // ioredis
  'All sentinels are unreachable',
  "Cluster isn't ready and enableOfflineQueue options is false",
  'Command timed out',
  'Connection is closed',
  'Failed to refresh slots cache',
  'None of startup nodes is available',
  "Stream isn't writeable and enableOfflineQueue options is false",
  // pg
  'Connection terminated',
  'Connection terminated due to connection timeout',
  'Connection terminated unexpectedly',
  'Query read timeout',
  'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a non-empty string',
  'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string',
  'The server does not support SSL connections',
  'There was an error establishing an SSL connection',
  'timeout exceeded when trying to connect',
  'timeout expired',
]
