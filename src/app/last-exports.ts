/** All that is sent to a collector at a stop may take so long together. */
export const lastExportsMs = 5000

/** What of that was taken by the threads of a process so far. */
export interface LastExportsMemory {
  readonly spentMs: SharedArrayBuffer
}

export function allocateLastExports(): LastExportsMemory {
  return { spentMs: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT) }
}

/**
 * Has something sent in what is left of the time. What threads send side by side counts once.
 * @param run keeps to `untilMs`, epoch milliseconds
 */
export async function exportAtLast(
  { spentMs }: LastExportsMemory,
  run: (untilMs: number) => Promise<unknown>,
): Promise<void> {
  const cells = new Int32Array(spentMs)
  const before = Atomics.load(cells, 0)
  const startedMs = performance.now()
  await run(Date.now() + Math.max(0, lastExportsMs - before))
  const spent = before + Math.ceil(performance.now() - startedMs)
  for (let known = Atomics.load(cells, 0); known < spent; known = Atomics.load(cells, 0))
    if (Atomics.compareExchange(cells, 0, known, spent) === known) return
}
