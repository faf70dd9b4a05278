import type { Transferable } from 'node:worker_threads'
import { codeOfError, OwnError } from '../../base/code-of-error.ts'

/** What two threads talk through; `parentPort`, a `Worker` and a `MessagePort` are of this form. */
export interface Wire {
  postMessage(message: unknown, moved?: readonly Transferable[]): void
  on(event: 'message', listener: (message: unknown) => void): unknown
}

/** What one side does for the other. Arguments and results cross by structured clone. */
export type Service = { readonly [name: string]: (...args: never[]) => unknown }

/** The other side of a channel. */
export interface Far<S extends Service> {
  /** Rejects with why the method failed, as `codeOfError` says it, and when the other side ended. */
  call<K extends keyof S & string>(name: K, ...args: Parameters<S[K]>): Promise<Awaited<ReturnType<S[K]>>>
  /** The same; what is moved is the other side's from then on. */
  hand<K extends keyof S & string>(
    moved: readonly Transferable[],
    name: K,
    ...args: Parameters<S[K]>
  ): Promise<Awaited<ReturnType<S[K]>>>
  /** Calls without an answer. */
  tell<K extends keyof S & string>(name: K, ...args: Parameters<S[K]>): void
}

export interface Channel<Theirs extends Service> extends Far<Theirs> {
  /** The other side is no more: what waits for it is rejected, and so is what comes later. */
  close(reason: string): void
}

type Message =
  | { readonly kind: 'call'; readonly id: number | null; readonly name: string; readonly args: unknown[] }
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly why: string }

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** Calls both ways between two threads of this process. Messages of one side arrive in the order they were sent. */
export function openChannel<Theirs extends Service>(wire: Wire, own: Service): Channel<Theirs> {
  const waiting = new Map<number, Waiting>()
  let lastId = 0
  let closed: string | null = null
  wire.on('message', (message) => take(message as Message))

  return { call: (name, ...args) => hand([], name, ...args), hand, tell, close }

  function hand(moved: readonly Transferable[], name: string, ...args: unknown[]): Promise<never> {
    if (closed !== null) return Promise.reject(new OwnError(closed))
    return new Promise((resolve, reject) => {
      const id = ++lastId
      waiting.set(id, { resolve: resolve as (value: unknown) => void, reject })
      wire.postMessage({ kind: 'call', id, name, args } satisfies Message, moved)
    })
  }

  function tell(name: string, ...args: unknown[]): void {
    if (closed === null) wire.postMessage({ kind: 'call', id: null, name, args } satisfies Message)
  }

  function close(reason: string): void {
    closed = reason
    for (const { reject } of waiting.values()) reject(new OwnError(reason))
    waiting.clear()
  }

  function take(message: Message): void {
    if (message.kind === 'call') return serve(message)
    const waited = waiting.get(message.id)
    waiting.delete(message.id)
    if (message.kind === 'result') waited?.resolve(message.value)
    else waited?.reject(new OwnError(message.why))
  }

  function serve({ id, name, args }: Message & { kind: 'call' }): void {
    // The other side called it by the types of `Far`.
    const method = own[name] as ((...args: unknown[]) => unknown) | undefined
    if (!method) throw new Error(`a thread asked for ${name}, which nobody offers`)
    if (id === null) return void method(...args)
    // A method that throws at once, and one that rejects, fail alike.
    new Promise((resolve) => resolve(method(...args))).then(
      (value) => answer({ kind: 'result', id, value }),
      (error: unknown) => answer({ kind: 'failure', id, why: codeOfError(error) }),
    )
  }

  function answer(message: Message): void {
    if (closed === null) wire.postMessage(message)
  }
}
