import type { Json } from '../base/json.ts'

/** JSON Schema 2020-12 Validation 6.1.1; 1.0 is an integer. */
export function typeFits(type: string, value: unknown): boolean {
  switch (type) {
    case 'null':
      return value === null
    case 'array':
      return Array.isArray(value)
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    case 'integer':
      return Number.isInteger(value)
    default:
      return typeof value === type
  }
}

/** Length of a string in characters (RFC 8259), which are code points. */
export function codePoints(text: string): number {
  let count = text.length
  for (let i = 0; i + 1 < text.length; i++) {
    const high = text.charCodeAt(i)
    const low = text.charCodeAt(i + 1)
    if (high >= 0xd800 && high <= 0xdbff && low >= 0xdc00 && low <= 0xdfff) {
      count--
      i++
    }
  }
  return count
}

/** Exact on the shortest decimal spelling of both numbers: 0.3 is a multiple of 0.1. @see JSON Schema Validation 6.2.1 */
export function isMultipleOf(value: number, divisor: number): boolean {
  if (Number.isSafeInteger(value) && Number.isSafeInteger(divisor)) return value % divisor === 0
  const a = decimal(value)
  const b = decimal(divisor)
  const scale = Math.max(a.scale, b.scale)
  if (scale - Math.min(a.scale, b.scale) > 400) return false
  return (a.digits * 10n ** BigInt(scale - a.scale)) % (b.digits * 10n ** BigInt(scale - b.scale)) === 0n
}

/** `digits / 10 ** scale`. */
function decimal(value: number): { readonly digits: bigint; readonly scale: number } {
  const [mantissa = '0', exponent = '0'] = value.toString().split('e')
  const [whole = '0', fraction = ''] = mantissa.split('.')
  return { digits: BigInt(whole + fraction), scale: fraction.length - Number(exponent) }
}

export function jsonEqual(a: Json | undefined, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a)) {
    return (
      Array.isArray(b) && a.length === b.length && a.every((item, index) => jsonEqual(item as Json, b[index]))
    )
  }
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null || Array.isArray(b))
    return false
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length) return false
  return names.every(
    (name) =>
      Object.hasOwn(b, name) &&
      jsonEqual((a as Record<string, Json>)[name], (b as Record<string, unknown>)[name]),
  )
}

/** JSON Schema 2020-12 Validation 6.4.3, in time that grows with the size of the array. */
export function allDifferent(items: readonly unknown[]): boolean {
  return new Set(items.map(canonicalText)).size === items.length
}

/** Equal values have equal texts: 1 and 1.0, members in any order. @see JSON Schema 2020-12 Core 4.2.2 */
function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(
    ([name, member]) => `${JSON.stringify(name)}:${canonicalText(member)}`,
  )
  return `{${members.sort().join()}}`
}
