/** Characters of a text that a client or an issuer may have said. */
export const maxText = 512

// Control characters, bidirectional overrides and what is not seen at all, tags included: they could write over a terminal or
// hide in a viewer (attack G3).
const unsafe = new RegExp(
  [
    '[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb]',
    '[\\ufe00-\\ufe0f]',
    '\\udb40|(?<=\\udb40)[\\udc00-\\udfff]',
  ].join('|'),
  'g',
)
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const needsCare = /["\\\u0000-\u001f\u007f-\uffff]/

/** JSON that is safe for any terminal. */
export function escapeUnsafe(json: string): string {
  return json.replace(unsafe, escapeCharacter)
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/**
 * A JSON string, bounded, safe for any terminal. Half a character, cut here or sent so, is U+FFFD (RFC 7493 2.1): a strict
 * reader would refuse the line, or all that came with it.
 */
export function boundedText(value: string, max = maxText): string {
  const cut = value.length > max ? `${value.slice(0, max)}…` : value
  return needsCare.test(cut) ? escapeUnsafe(JSON.stringify(cut.toWellFormed())) : `"${cut}"`
}
