import type { Thread } from './thread.ts'

/** How long a thread may say nothing. */
export interface Silence {
  readonly lookEveryMs: number
  /** So many looks in a row without an answer. */
  readonly looks: number
}

/** Half a minute: longer than any turn of a thread takes that will ever end. */
const hopeless: Silence = { lookEveryMs: 5000, looks: 6 }

/**
 * Ends a thread that lives and never answers: what the kernel gives it would hang, and each reload would wait for it. Counted
 * in looks, not by the clock: where the whole process stood still, nobody could have answered.
 * @returns whether it was ended for that
 */
export function endSilent(
  thread: Pick<Thread, 'status' | 'end' | 'ended'>,
  { lookEveryMs, looks }: Silence = hopeless,
): () => boolean {
  let unanswered = 0
  let over = false
  const answered = () => {
    unanswered = 0
  }
  const timer = setInterval(() => {
    if (unanswered === 0) void thread.status().then(answered, answered)
    if (unanswered++ < looks) return
    clearInterval(timer)
    over = true
    void thread.end()
  }, lookEveryMs).unref()
  void thread.ended.then(() => clearInterval(timer))
  return () => over
}
