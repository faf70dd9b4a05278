const strings = /"(?:[^"\\]|\\.)*"/g
const numbers = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g
const maxPrecision = 100
const fewDigits = 15

/** The first number of a JSON text that was lost in reading it; null when all were kept. */
export function findInexact(text: string): number | null {
  for (const [spelling] of text.replace(strings, '""').matchAll(numbers)) {
    const value = Number(spelling)
    if (Number.isFinite(value) && isInexact(spelling, value)) return value
  }
  return null
}

/**
 * Whether a number was written with digits that were lost in reading it: a backend with other numbers would act on
 * another value than the one that was checked (attack D11). 9007199254740993 is read as its even neighbour,
 * 1.00000000000000000001 as an integer, 1e-400 as 0. The shortest digits that lead to a double, and its exact
 * digits rounded anywhere, say all there is to say; a longer fraction is let through where the double beside it is
 * none that a bound in a schema would be.
 * @param value finite, as read
 */
export function isInexact(spelling: string, value: number): boolean {
  const written = normalize(spelling)
  const shortest = normalize(String(value))
  if (written === shortest) return false
  if (Number.isInteger(value)) return written !== normalize(BigInt(value).toString())
  const digits = significant(written)
  if (significant(shortest).length > fewDigits) return false
  return digits.length > maxPrecision || written !== normalize(value.toPrecision(digits.length))
}

/** Sign, significant digits and exponent, so that equal numbers are equal texts. */
function normalize(spelling: string): string {
  const [mantissa = '', exponent = '0'] = spelling.replace(/^-/, '').split(/[eE]/)
  const [whole = '', fraction = ''] = mantissa.split('.')
  const digits = (whole + fraction).replace(/^0+/, '')
  const kept = digits.replace(/0+$/, '')
  if (kept === '') return '0'
  const sign = spelling.startsWith('-') ? '-' : ''
  return `${sign}${kept}e${Number(exponent) - fraction.length + digits.length - kept.length}`
}

function significant(normalized: string): string {
  return (normalized.split('e')[0] as string).replace('-', '')
}
