/**
 * The parameters' texts in a segment such as `{base}...{head}`, each as short as can be; null when it does not fit.
 * No parameter is empty.
 */
export function splitSegment(segment: string, texts: readonly string[]): readonly string[] | null {
  const last = texts.length - 1
  const suffix = texts[last] as string
  const end = segment.length - suffix.length
  if (!segment.startsWith(texts[0] as string) || !segment.endsWith(suffix)) return null
  const pieces: string[] = []
  let start = (texts[0] as string).length
  for (let i = 1; i <= last; i++) {
    const stop = i === last ? end : segment.indexOf(texts[i] as string, start + 1)
    if (stop <= start || stop > end) return null
    pieces.push(segment.slice(start, stop))
    start = stop + (texts[i] as string).length
  }
  return pieces
}
