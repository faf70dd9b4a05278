/**
 * What is written of the present moment, put together once for all that is written in the same millisecond.
 * @param textOf takes epoch milliseconds
 */
export function textOfNow(textOf: (epochMs: number) => string): () => string {
  let atMs = 0
  let text = ''
  return () => {
    const nowMs = Date.now()
    if (nowMs !== atMs) {
      atMs = nowMs
      text = textOf(nowMs)
    }
    return text
  }
}
