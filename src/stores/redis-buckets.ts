import { hash } from 'node:crypto'
import { codeOfError, OwnError } from '../base/code-of-error.ts'
import { isLong, paceOf, peek } from '../engine/limit/draw.ts'
import { spellKey } from '../engine/limit/spell-key.ts'
import type { BucketKey } from '../engine/ports.ts'
import type { LimitPlan } from '../program/program.ts'
import { type RedisConnection, RedisScript } from './redis-script.ts'
import { giveBackScript, takeScript } from './redis-scripts.ts'
import type { StoreCircuit } from './store-circuit.ts'

/** A draw from a bucket that the store holds. */
export interface StoreDraw {
  readonly limit: LimitPlan
  /** As `bucketName` makes it. */
  readonly name: string
  readonly cost: number
  /** Tokens it takes when there are more than it costs. */
  readonly most: number
}

export type StoreAnswer = StoreTaken | { readonly kind: 'outage'; readonly why: 'late' | 'failed' }

export interface StoreTaken {
  readonly kind: 'taken'
  readonly allowed: boolean
  /** One for each draw. */
  readonly buckets: readonly StoreBucket[]
}

export interface StoreBucket {
  /** Milliseconds until the bucket would have been full, before this take. */
  readonly owedMs: number
  /** Tokens taken; 0 when the take was denied. */
  readonly taken: number
  /** What `holdBack` tells whom the bucket denied; 0 otherwise. */
  readonly backOffMs: number
}

const outages = {
  late: { kind: 'outage', why: 'late' },
  failed: { kind: 'outage', why: 'failed' },
} as const satisfies { readonly [why: string]: StoreAnswer }
const maxTakesAtOnce = 64

/**
 * What stands in the store instead of a subject or an address: 128 bits of SHA-256. Whoever reads the store and guesses a
 * subject can confirm the guess; gateways share no secret that could prevent it. With its length before it no name of a limit
 * pretends to go on in a key.
 */
export function bucketName(limit: LimitPlan, key: BucketKey): string {
  const { name } = limit
  const text = `${name.length}:${name} ${isLong(limit) ? 'long' : 'short'} ${spellKey(key)}`
  return `portcullis:limit:${hash('sha256', text, 'base64url').slice(0, 22)}`
}

export interface BucketOptions {
  readonly redis: RedisConnection
  readonly circuit: StoreCircuit
  readonly deadlineMs: number
  /** Which part of the store holds a bucket; takes are all or nothing within a part. */
  readonly partOf: (name: string) => number
  /** Only tests give another. */
  readonly script?: string
}

/** Buckets in Redis or Valkey. Takes that begin in one turn of the event loop travel together. */
export class RedisBuckets {
  readonly #options: BucketOptions
  readonly #take: RedisScript
  readonly #giveBack = new RedisScript(giveBackScript)
  readonly #waiting = new Map<number, Batch>()
  #flushing = false

  constructor(options: BucketOptions) {
    this.#options = options
    this.#take = new RedisScript(options.script ?? takeScript())
  }

  /** Takes from all, or from none; on a cluster, what some gave while another denied is given back right after. */
  take(draws: readonly StoreDraw[]): Promise<StoreAnswer> {
    const [first] = draws
    const part = first ? this.#options.partOf(first.name) : 0
    if (draws.every(({ name }) => this.#options.partOf(name) === part)) return this.#takePart(part, draws)
    return this.#takeParts(draws)
  }

  /** Gives tokens back, and does not say whether they arrived: they come back with time in any case. */
  async giveBack(
    tokens: readonly { readonly limit: LimitPlan; readonly name: string; readonly count: number }[],
  ) {
    if (!this.#options.circuit.up) return
    const parts = Map.groupBy(tokens, ({ name }) => this.#options.partOf(name))
    const all = [...parts.values()].flatMap(chunks).map((some) =>
      this.#giveBack.run(
        this.#options.redis,
        some.map(({ name }) => name),
        some.map(({ limit, count }) => `${paceOf(limit).tokenMs * count}`),
      ),
    )
    await Promise.allSettled(all)
  }

  #takePart(part: number, draws: readonly StoreDraw[]): Promise<StoreAnswer> {
    let batch = this.#waiting.get(part)
    if (!batch) {
      batch = new Batch()
      this.#waiting.set(part, batch)
    }
    const answer = batch.add(draws)
    if (batch.size >= maxTakesAtOnce) {
      this.#waiting.delete(part)
      void this.#send(batch)
    } else if (!this.#flushing) {
      this.#flushing = true
      setImmediate(() => this.#flush())
    }
    return answer
  }

  async #takeParts(draws: readonly StoreDraw[]): Promise<StoreAnswer> {
    const parts = [...Map.groupBy(draws, ({ name }) => this.#options.partOf(name))]
    const answers = await Promise.all(parts.map(([part, own]) => this.#takePart(part, own)))
    const found = new Map<StoreDraw, StoreBucket>()
    const taken: { limit: LimitPlan; name: string; count: number }[] = []
    for (const [index, answer] of answers.entries()) {
      if (answer.kind === 'outage') continue
      for (const [position, draw] of (parts[index]?.[1] ?? []).entries()) {
        const bucket = answer.buckets[position] as StoreBucket
        found.set(draw, bucket)
        if (bucket.taken > 0) taken.push({ limit: draw.limit, name: draw.name, count: bucket.taken })
      }
    }
    const outage = answers.find(({ kind }) => kind === 'outage')
    const allowed = answers.every((answer) => answer.kind === 'taken' && answer.allowed)
    if (!allowed && taken.length > 0) void this.giveBack(taken)
    if (outage) return outage
    const buckets = draws.map((draw) => {
      const bucket = found.get(draw) as StoreBucket
      return allowed ? bucket : { ...bucket, taken: 0 }
    })
    return { kind: 'taken', allowed, buckets }
  }

  #flush(): void {
    this.#flushing = false
    const batches = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const batch of batches) void this.#send(batch)
  }

  async #send(batch: Batch): Promise<void> {
    const { redis, circuit, deadlineMs } = this.#options
    // The reply may have arrived while this process was busy: it is read first.
    const timer = setTimeout(() => setImmediate(late), deadlineMs)
    function late(): void {
      if (batch.settle(outages.late)) circuit.failed(`no answer within ${deadlineMs} ms`)
    }
    try {
      const reply = await this.#take.run(redis, batch.names, batch.args())
      if (!(reply instanceof Buffer)) throw new OwnError('the store answered something else than was asked')
      if (batch.answer(reply)) circuit.answered()
    } catch (error) {
      if (batch.settle(outages.failed)) circuit.failed(codeOfError(error))
    } finally {
      clearTimeout(timer)
    }
  }
}

/** No more than a script unpacks at once. */
function chunks<T>(all: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / 1000) }, (_, index) =>
    all.slice(1000 * index, 1000 * (index + 1)),
  )
}

/** Takes that one script decides, one after the other. */
class Batch {
  readonly names: string[] = []
  readonly #limits: LimitPlan[] = []
  readonly #takes: {
    readonly draws: readonly StoreDraw[]
    readonly resolve: (answer: StoreAnswer) => void
  }[] = []
  #text = ''
  #settled = false

  get size(): number {
    return this.#takes.length
  }

  add(draws: readonly StoreDraw[]): Promise<StoreAnswer> {
    this.#text += this.#text === '' ? `${draws.length}` : `,${draws.length}`
    for (const { limit, name, cost, most } of draws) {
      this.names.push(name)
      let index = this.#limits.indexOf(limit)
      if (index < 0) index = this.#limits.push(limit) - 1
      this.#text += `,${index},${cost},${most}`
    }
    return new Promise((resolve) => {
      this.#takes.push({ draws, resolve })
    })
  }

  args(): readonly string[] {
    const limits = this.#limits.map(paceOf).flatMap(({ tokenMs, capacityMs }) => [tokenMs, capacityMs])
    return [JSON.stringify(limits), `[${this.#text}]`]
  }

  /** @returns false when it had been given up */
  settle(answer: StoreAnswer): boolean {
    if (this.#settled) return false
    this.#settled = true
    for (const { resolve } of this.#takes) resolve(answer)
    return true
  }

  answer(reply: Buffer): boolean {
    if (this.#settled) return false
    if (reply.length !== this.#takes.length + 16 * this.names.length)
      throw new RangeError('the store answered more or less than was asked')
    this.#settled = true
    let at = 0
    for (const { draws, resolve } of this.#takes) {
      const allowed = reply[at++] === 1
      const buckets: StoreBucket[] = []
      for (const { limit, cost, most } of draws) {
        const owedMs = reply.readDoubleLE(at)
        // The same arithmetic as in the script.
        const left = allowed && most > cost ? peek(owedMs, paceOf(limit), 0).remaining : 0
        const taken = allowed ? Math.max(cost, Math.min(most, left)) : 0
        buckets.push({ owedMs, taken, backOffMs: reply.readDoubleLE(at + 8) })
        at += 16
      }
      resolve({ kind: 'taken', allowed, buckets })
    }
    return true
  }
}
