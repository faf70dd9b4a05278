import type { Stage } from '../../src/engine/decision.ts'

/** Stages that a request enters which is answered by its upstream, in their order. */
export const stages: readonly Stage[] = [
  'parse',
  'admit',
  'normalize',
  'route',
  'authenticate',
  'limit',
  'authorize',
  'validate',
  'rules',
  'forward',
  'response',
]
