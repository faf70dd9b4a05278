import type { Permit } from '../../src/engine/permit.ts'
import { forward } from '../../src/gateway/forward.ts'

// What must not compile. `npm run typecheck` fails when one of these lines is no error any more.

declare const upstreams: Parameters<typeof forward>[1]
declare const body: Parameters<typeof forward>[2]
declare const receiver: Parameters<typeof forward>[3]
declare const permitClass: typeof Permit

// @ts-expect-error a hand-made object is no permit: it lacks the private field
forward({ operation: null, method: 'GET', target: '/' }, upstreams, body, receiver)

// @ts-expect-error an empty one neither
forward({}, upstreams, body, receiver)

// @ts-expect-error and the constructor is private
new permitClass({})
