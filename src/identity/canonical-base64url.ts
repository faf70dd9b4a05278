const padCharacters = { 2: 'AQgw', 3: 'AEIMQUYcgkosw048' } as const

/**
 * Whether a text of the base64url alphabet is the one spelling of its octets: of the length that some octets have, and
 * with pad bits of zero. The alphabet is the caller's to check.
 * @see RFC 4648 3.5, 5
 */
export function isCanonicalBase64url(text: string): boolean {
  const rest = text.length % 4
  if (rest === 0) return true
  return rest !== 1 && padCharacters[rest as 2 | 3].includes(text.at(-1) as string)
}
