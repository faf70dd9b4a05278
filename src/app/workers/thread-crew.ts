import { codeOfError, OwnError } from '../../base/code-of-error.ts'
import type { Addresses } from '../../gateway/gateway.ts'
import { StartError } from '../start-error.ts'
import type { Crew, CrewStatus, Policy, Prepared, StartedCrew } from './control.ts'
import { endSilent } from './end-silent.ts'
import { releaseAfterDeath } from './shared-state.ts'
import { startThread, type Thread, type ThreadControl } from './thread.ts'

const answerWithinMs = 2000
const endsWithinMs = 2000
const steadyAfterMs = 10_000
const firstPauseMs = 500
const maxPauseMs = 30_000

/** Place of one thread among the others; who stands there changes when it dies. */
interface Post {
  readonly worker: number
  thread: Thread
  /** Null while its thread does not serve. */
  inForce: Policy | null
  /** Until its thread has opened, or has not come to it. Never rejects. */
  opening: Promise<unknown>
  startedMs: number
  /** Before the next one is started. */
  pauseMs: number
}

/**
 * Starts the threads, which load what they need while the policy is still being compiled.
 * @param start only tests give one
 * @throws StartError when there are too few of them to be had
 */
export function startThreads(control: ThreadControl, start = startThread): StartedCrew {
  const threads: Thread[] = []
  const end = async () => void (await Promise.all(threads.map((thread) => thread.end())))
  try {
    while (threads.length < control.shared.workers) threads.push(start(threads.length, control))
  } catch (error) {
    void end()
    throw new StartError(`the system gives no thread for worker ${threads.length}: ${codeOfError(error)}`)
  }
  return {
    end,
    async open(policy) {
      try {
        return await openThreadCrew(policy, control, threads, start)
      } catch (error) {
        await end()
        throw error
      }
    },
  }
}

/**
 * Several data workers on the same ports, each in a thread of its own. One that dies is replaced; the others do not notice.
 * @throws StartError when one of them refuses
 */
async function openThreadCrew(
  first: Policy,
  control: ThreadControl,
  threads: readonly Thread[],
  start: typeof startThread,
): Promise<Crew> {
  let policy = first
  let stopping = false
  /** Of those that are about to be replaced. While all are gone, nothing else may hold the process. */
  const pauses = new Map<Post, NodeJS.Timeout>()
  const gone = new WeakSet<Thread>()
  /** Until nobody changes what is in force: a thread holds one policy that is prepared, so one at a time. Never rejects. */
  let settled: Promise<unknown> = Promise.resolve()
  const posts = threads.map((thread, worker): Post => {
    return {
      worker,
      thread,
      inForce: null,
      opening: Promise.resolve(),
      startedMs: Date.now(),
      pauseMs: firstPauseMs,
    }
  })
  const [addresses] = await Promise.all(posts.map(open))
  for (const post of posts) watch(post)

  return { addresses: addresses as Addresses, status, prepare, stop }

  async function open(post: Post): Promise<Addresses> {
    const wanted = policy
    const { thread } = post
    const opened = await Promise.race([thread.open(wanted), failed(thread)])
    noteInForce(post, thread, wanted)
    return opened
  }

  /** @throws OwnError when it has ended: its last answer and its end may arrive together, and are heard in either order */
  function noteInForce(post: Post, thread: Thread, inForce: Policy): void {
    if (gone.has(thread)) throw new OwnError(`worker ${post.worker} has ended`)
    post.inForce = inForce
  }

  function watch(post: Post): void {
    const { thread } = post
    const wasSilent = endSilent(thread)
    void thread.ended.then((cause) => {
      gone.add(thread)
      post.inForce = null
      releaseAfterDeath(control.shared, post.worker)
      if (stopping) return
      const detail = wasSilent() ? 'it did not answer for half a minute, and was ended' : cause
      control.tell('worker_died', { worker: post.worker, detail })
      control.changed()
      replaceLater(post)
    })
  }

  function replaceLater(post: Post): void {
    const steady = Date.now() - post.startedMs > steadyAfterMs
    post.pauseMs = steady ? firstPauseMs : Math.min(post.pauseMs * 2, maxPauseMs)
    pauses.set(
      post,
      setTimeout(() => void replace(post), steady ? 0 : post.pauseMs),
    )
  }

  async function replace(post: Post): Promise<void> {
    if (stopping) return
    post.startedMs = Date.now()
    try {
      post.thread = start(post.worker, control)
    } catch (error) {
      // Where the system gives no thread now (EAGAIN), it may give one later: the others go on.
      control.tell('worker_failed', { worker: post.worker, detail: codeOfError(error) })
      return replaceLater(post)
    }
    watch(post)
    try {
      const opened = open(post)
      post.opening = opened.catch(() => {})
      await opened
      await catchUp(post)
      control.tell('worker_replaced', { worker: post.worker })
      control.changed()
    } catch (error) {
      control.tell('worker_failed', { worker: post.worker, detail: codeOfError(error) })
      await post.thread.end()
    }
  }

  /** Puts in force what came while the thread was being opened. */
  function catchUp(post: Post): Promise<void> {
    const followed = settled.then(async () => {
      while (post.inForce !== null && post.inForce !== policy) {
        const wanted = policy
        const { thread } = post
        await thread.prepare(wanted)
        await thread.commit()
        noteInForce(post, thread, wanted)
      }
    })
    settled = followed.catch(() => {})
    return followed
  }

  function serving(): readonly Post[] {
    return posts.filter(({ inForce }) => inForce !== null)
  }

  async function status(): Promise<CrewStatus> {
    const all = await Promise.all(serving().map(statusOf))
    if (all.length === 0) return { unready: ['no worker is running'], inFlight: 0 }
    return {
      unready: [...new Set(all.flatMap(({ unready }) => unready))],
      inFlight: all.reduce((sum, { inFlight }) => sum + inFlight, 0),
    }
  }

  async function statusOf({ worker, thread }: Post): Promise<CrewStatus> {
    const silent = { unready: [`worker ${worker} does not answer`], inFlight: 0 }
    // One that ended while it was asked is no reason: it is being replaced.
    return within(answerWithinMs, thread.status(), silent).catch(() => ({ unready: [], inFlight: 0 }))
  }

  async function prepare(next: Policy): Promise<Prepared> {
    const before = settled
    const { promise, resolve: letGo } = Promise.withResolvers<void>()
    settled = before.then(() => promise)
    await before
    const asked = serving().map((post) => ({ post, thread: post.thread }))
    const answers = await Promise.allSettled(asked.map(({ thread }) => thread.prepare(next)))
    const ready = asked.filter((_, index) => answers[index]?.status === 'fulfilled')
    const discard = async () => {
      await Promise.allSettled(ready.map(({ thread }) => thread.discard()))
      letGo()
    }
    // A thread that died has refused nothing, and whoever has taken its place follows; unless nobody lived through it.
    const refused = answers.find((answer, index) => {
      const { post, thread } = asked[index] as (typeof asked)[number]
      return answer.status === 'rejected' && post.thread === thread && post.inForce !== null
    })
    const refusal = refused ?? (ready.length === 0 ? answers[0] : undefined)
    if (refusal?.status === 'rejected') {
      await discard()
      throw refusal.reason
    }
    return {
      async commit() {
        policy = next
        await Promise.allSettled(
          ready.map(async ({ post, thread }) => {
            await thread.commit()
            if (post.thread === thread) noteInForce(post, thread, next)
          }),
        )
        letGo()
        // One that is being opened with what was in force before would serve by it when all are said to have the new one.
        await Promise.allSettled(posts.map((post) => post.opening.then(() => catchUp(post))))
      },
      discard,
    }
  }

  async function stop(timeoutMs: number): Promise<void> {
    stopping = true
    for (const pause of pauses.values()) clearTimeout(pause)
    await Promise.all(
      posts.map(async ({ thread, inForce }) => {
        const stopped = inForce ? thread.stop(timeoutMs).catch(() => {}) : null
        await within(timeoutMs + endsWithinMs, stopped ?? Promise.resolve(), undefined)
        await thread.end()
      }),
    )
  }
}

/** Rejects when the thread ends. */
async function failed(thread: Thread): Promise<never> {
  throw new OwnError(await thread.ended)
}

async function within<T>(ms: number, answer: Promise<T>, otherwise: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(otherwise), ms)
  })
  return Promise.race([answer, late]).finally(() => clearTimeout(timer))
}
