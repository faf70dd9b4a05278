import type { BodySource } from '../../base/message.ts'
import type { Decision } from '../decision.ts'
import type { Target } from '../normalize/target.ts'
import type { Reply } from '../outcome.ts'
import type { FieldTable } from '../parse/head.ts'
import type { Ports } from '../ports.ts'

/** A request for a path that is the gateway's own. */
export interface OwnRequest {
  readonly method: string
  readonly target: Target
  readonly fields: FieldTable
  readonly cookies: ReadonlyMap<string, readonly string[]>
  readonly body: BodySource
  readonly receivedAtMs: number
}

/** Answers in place of an upstream: metadata, the sign-in of sessions. */
export type OwnRoute = (request: OwnRequest, ports: Ports) => Decision<Reply> | Promise<Decision<Reply>>

/** The gateway's own routes by canonical path. They stand before the contract's; the compiler lets none overlap. */
export type OwnRoutes = ReadonlyMap<string, OwnRoute>
