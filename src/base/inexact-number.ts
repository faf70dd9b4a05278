const strings = /"(?:[^"\\]|\\.)*"/g
const longIntegers = /-?\d{16,}(?![\d.eE])/g

/**
 * Whether a whole number of a JSON text was written with digits that were lost in reading it, as 9007199254740993 is:
 * a backend with other numbers would act on another value than the one that was checked (attack D11). The shortest
 * digits that lead to a double, as JSON.stringify writes them, say all there is to say.
 * @param value as read
 */
export function isInexact(text: string, value: number): boolean {
  for (const [digits] of text.replace(strings, '""').matchAll(longIntegers))
    if (Number(digits) === value && digits !== String(value) && BigInt(digits) !== BigInt(value)) return true
  return false
}
