import { readFileSync } from 'node:fs'
import { Agent, request } from 'undici'
import type { Json } from '../base/json.ts'

export interface Reply {
  readonly status: number
  readonly headers: { readonly [name: string]: string | string[] | undefined }
  /** Null when there is none. */
  readonly body: Json
}

export interface Ask {
  readonly method?: 'GET' | 'POST' | 'PATCH'
  readonly token?: string
  readonly body?: Json
}

/** A client of the gate that trusts its certificate and nothing else. */
export class ApiClient {
  readonly #origin: string
  readonly #agent: Agent

  constructor(origin: string, certificateFile: string) {
    this.#origin = origin
    this.#agent = new Agent({ connect: { ca: readFileSync(certificateFile) } })
  }

  async ask(path: string, { method = 'GET', token, body }: Ask = {}): Promise<Reply> {
    const response = await request(this.#origin + path, {
      method,
      dispatcher: this.#agent,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.body.text()
    return {
      status: response.statusCode,
      headers: response.headers,
      body: text === '' ? null : (JSON.parse(text) as Json),
    }
  }

  close(): Promise<void> {
    return this.#agent.close()
  }
}
