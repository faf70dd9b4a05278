import type { ParameterPlan } from '../../program/program.ts'
import {
  decodeAll,
  percentDecode,
  type Reading,
  readAssignments,
  readJsonText,
  readPieces,
  repeated,
  undecodable,
  unread,
} from './parameter-value.ts'

type Decode = (text: string) => string | null

/** Reads a path parameter from its raw text. @see OpenAPI 3.1.1 4.8.12.6, RFC 6570 3.2.2, 3.2.5, 3.2.7 */
export function readPathParameter(plan: ParameterPlan, raw: string): Reading {
  switch (plan.style) {
    case 'label':
      if (!raw.startsWith('.')) return unread('must begin with a full stop')
      return readPlain(plan, raw.slice(1), plan.explode ? '.' : ',', percentDecode)
    case 'matrix':
      if (!raw.startsWith(';')) return unread('must begin with a semicolon')
      return readMatrix(plan, raw.slice(1).split(';'))
    default:
      return readSimple(plan, raw)
  }
}

/** Style `simple`, and a cookie's `form` without explode: one text, split at commas when the type is a list. */
export function readSimple(plan: ParameterPlan, raw: string): Reading {
  return readPlain(plan, raw, ',', percentDecode)
}

/** A header's values stand for one list (RFC 9110 5.3); they are not percent-encoded. */
export function readHeader(plan: ParameterPlan, values: readonly string[]): Reading {
  if (values.length > 1 && (plan.json || plan.type.kind === 'primitive')) return repeated
  return readPlain(plan, values.join(','), ',', (text) => text.trim())
}

function readPlain(plan: ParameterPlan, raw: string, separator: string, decode: Decode): Reading {
  if (plan.json || plan.type.kind === 'primitive') {
    const text = decode(raw)
    if (text === null) return undecodable
    return plan.json ? readJsonText(text) : readPieces(plan.type, [text])
  }
  const pieces = raw.split(separator)
  if (plan.type.kind === 'object' && plan.explode) return readAssignments(plan.type, pieces, decode)
  const decoded = decodeAll(pieces, decode)
  return decoded === null ? undecodable : readPieces(plan.type, decoded)
}

/** `;color=blue;color=black`: every piece names the parameter, or a member of an exploded object. */
function readMatrix(plan: ParameterPlan, pieces: readonly string[]): Reading {
  if (plan.type.kind === 'object' && plan.explode) return readAssignments(plan.type, pieces, percentDecode)
  const texts: string[] = []
  for (const piece of pieces) {
    const equals = piece.indexOf('=')
    const name = percentDecode(equals < 0 ? piece : piece.slice(0, equals))
    if (name !== plan.name) return unread('must be written as ;name=value')
    texts.push(equals < 0 ? '' : piece.slice(equals + 1))
  }
  if (plan.type.kind === 'array' && plan.explode) {
    const decoded = decodeAll(texts, percentDecode)
    return decoded === null ? undecodable : readPieces(plan.type, decoded)
  }
  return texts.length === 1 ? readPlain(plan, texts[0] as string, ',', percentDecode) : repeated
}
