const frame = /^ {4}at [^\n]*(?::\d+:\d+\)?|\(native\)|<anonymous>\)?)$/

/**
 * What a defect may say of itself: its kind, its code and where in the program it came up.
 * INVARIANT: never its message, which may hold what a client, an issuer or an upstream sent.
 */
export function placeOfError(error: unknown): string {
  if (!(error instanceof Error)) return `a thrown ${typeof error}`
  const { code } = error as NodeJS.ErrnoException
  const kind = [
    error.constructor.name,
    ...(typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,63}$/.test(code) ? [code] : []),
  ]
  const stack = error.stack ?? ''
  const at = stack.indexOf(error.message)
  const frames = (at < 0 ? stack : stack.slice(at + error.message.length))
    .split('\n')
    .filter((line) => frame.test(line))
  return [kind.join(' '), ...frames].join('\n')
}
