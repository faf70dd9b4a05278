import { createHmac } from 'node:crypto'
import type {
  Caller,
  Circumstances,
  ObjectPart,
  TrailEntry,
  TrailedDenial,
} from '../../engine/record/trail-entry.ts'

const maxText = 512
/** So much of a digest tells programs apart; the log has all of it. */
const digestLetters = 16
/** 132 bits. */
const hashLetters = 22

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const needsCare = /["\\\u0000-\u001f\u007f-\uffff]/
const beyondAscii = /[\u007f-\uffff]/g

/**
 * The canonical text of an entry: JSON of one line, members in this order and absent where they are null, in ASCII.
 * @param hashKey keyed hashes of path parameters are made with it; without it a short value could be guessed
 */
export function textOfEntry(entry: TrailEntry, hashKey: Uint8Array): string {
  if (entry.kind === 'outcome') {
    const missing = entry.intentMissing ? ',"intent_missing":true' : ''
    return `{"kind":"outcome","request_id":${quoted(entry.requestId)},"status":${entry.status ?? 'null'}${denialText(entry.denial)}${missing}}`
  }
  const start = `{"kind":"${entry.kind}"${circumstancesText(entry, hashKey)}`
  return entry.kind === 'intent'
    ? `${start}}`
    : `${start},"status":${entry.status ?? 'null'}${denialText(entry.denial)}}`
}

/** A JSON string in ASCII, bounded. */
export function quoted(value: string): string {
  const cut = value.length > maxText ? `${value.slice(0, maxText)}…` : value
  return needsCare.test(cut) ? JSON.stringify(cut.toWellFormed()).replace(beyondAscii, escaped) : `"${cut}"`
}

function circumstancesText(facts: Circumstances, hashKey: Uint8Array): string {
  const { requestId, traceId, operation, method, caller, address, programDigest } = facts
  let text = `,"request_id":${quoted(requestId)},"trace_id":"${traceId}"`
  if (operation !== null) text += `,"operation":${quoted(operation)}`
  text += `,"method":${quoted(method)}`
  if (facts.object.length > 0)
    text += `,"object":{${facts.object.map((part) => `${quoted(part.name)}:${valueText(part, hashKey)}`).join(',')}}`
  text += caller.trailText.of(caller, () => callerText(caller))
  return `${text},"address":${quoted(address)},"program":"${programDigest.slice(0, digestLetters)}"`
}

function callerText({ subject, issuer, client, keyId, schemes }: Caller): string {
  let text = ''
  if (subject !== null) text += `,"subject":${quoted(subject)}`
  if (issuer !== null) text += `,"issuer":${quoted(issuer)}`
  if (client !== null) text += `,"client":${quoted(client)}`
  if (keyId !== null) text += `,"key_id":${quoted(keyId)}`
  if (schemes.length > 0) text += `,"schemes":${quoted(schemes.join(' '))}`
  // In one piece: each use of a text that was put together walks its parts.
  return Buffer.from(text, 'latin1').toString('latin1')
}

function valueText({ value, hashed }: ObjectPart, hashKey: Uint8Array): string {
  if (!hashed) return quoted(value)
  return `"hmac:${createHmac('sha256', hashKey).update(value).digest('base64url').slice(0, hashLetters)}"`
}

function denialText(denial: TrailedDenial | null): string {
  if (denial === null) return ''
  const rule = denial.rule === null ? '' : `,"rule":${quoted(denial.rule)}`
  return `,"stage":"${denial.stage}","reason":"${denial.reason}"${rule}`
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
