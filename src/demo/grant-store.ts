/** What oidc-provider keeps of one artifact. Only the members that index it are named. */
interface Payload {
  readonly grantId?: string
  readonly uid?: string
  readonly userCode?: string
  consumed?: number
}

interface Kept {
  readonly payload: Payload
  /** Epoch milliseconds. */
  readonly expiresAtMs: number
}

/**
 * Keeps sessions, codes and grants of the authorization server in memory, outside of any one provider, so that
 * a provider with new keys goes on where the one before it stood.
 *
 * @returns what oidc-provider takes as `adapter`
 * @see oidc-provider's documentation, `adapter`
 */
export function createGrantStore(): (model: string) => GrantStore {
  const kept = new Map<string, Kept>()
  return (model) => new GrantStore(model, kept)
}

class GrantStore {
  readonly #model: string
  readonly #kept: Map<string, Kept>

  constructor(model: string, kept: Map<string, Kept>) {
    this.#model = model
    this.#kept = kept
  }

  async upsert(id: string, payload: Payload, expiresInSeconds: number | undefined): Promise<void> {
    const expiresAtMs = expiresInSeconds === undefined ? Infinity : Date.now() + expiresInSeconds * 1000
    this.#kept.set(this.#key(id), { payload, expiresAtMs })
  }

  async find(id: string): Promise<Payload | undefined> {
    const found = this.#kept.get(this.#key(id))
    return found && found.expiresAtMs > Date.now() ? found.payload : undefined
  }

  async findByUid(uid: string): Promise<Payload | undefined> {
    return this.#search((payload) => payload.uid === uid)
  }

  async findByUserCode(userCode: string): Promise<Payload | undefined> {
    return this.#search((payload) => payload.userCode === userCode)
  }

  async consume(id: string): Promise<void> {
    const payload = await this.find(id)
    if (payload) payload.consumed = Math.floor(Date.now() / 1000)
  }

  async destroy(id: string): Promise<void> {
    this.#kept.delete(this.#key(id))
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    for (const [key, { payload }] of this.#kept) if (payload.grantId === grantId) this.#kept.delete(key)
  }

  #search(fits: (payload: Payload) => boolean): Payload | undefined {
    for (const [key, { payload, expiresAtMs }] of this.#kept) {
      if (key.startsWith(`${this.#model} `) && expiresAtMs > Date.now() && fits(payload)) return payload
    }
    return undefined
  }

  #key(id: string): string {
    return `${this.#model} ${id}`
  }
}
