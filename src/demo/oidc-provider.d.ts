/** What the demo uses of oidc-provider 9.13, which ships no types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  export interface InteractionDetails {
    readonly uid: string
    readonly prompt: { readonly name: string }
    readonly params: Readonly<Record<string, unknown>>
  }

  export interface Client {
    readonly clientId: string
    grantTypeAllowed(type: string): boolean
  }

  /** The part of Koa's context that carries the request under way. */
  export interface RequestContext {
    body: unknown
    readonly req: IncomingMessage
    readonly oidc: {
      readonly client: Client
      readonly session: { readonly accountId: string }
      readonly requestParamScopes: ReadonlySet<string>
      readonly provider: Provider
      resourceServers: Readonly<Record<string, unknown>>
    }
  }

  export interface Grant {
    addOIDCScope(scope: string): void
    addResourceScope(resource: string, scope: string): void
    save(): Promise<string>
  }

  export default class Provider {
    constructor(issuer: string, configuration: Readonly<Record<string, unknown>>)
    readonly Grant: new (about: {
      readonly clientId: string
      readonly accountId: string
    }) => Grant
    callback(): (request: IncomingMessage, response: ServerResponse) => void
    interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<InteractionDetails>
    interactionFinished(
      request: IncomingMessage,
      response: ServerResponse,
      result: { readonly login: { readonly accountId: string } } | { readonly consent: object },
    ): Promise<void>
    on(event: string, listener: (...details: readonly unknown[]) => void): this
  }

  export const errors: { readonly InvalidTarget: new () => Error }
}
