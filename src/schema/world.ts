/**
 * Whether a schema is lowered for an instance position of its own, where objects are `closed`, or applies beside
 * others to one instance, where only all of them together know which members are allowed (`open`). Where they describe
 * one and the same member, that is so in the member as well, and at every depth: positions, and what applies beside others
 * there, are `shared` and `sharedOpen`, and are closed from outside (`Closing`). A `condition` (`if`, `not`, `contains`) is
 * what JSON Schema says at every depth: closed inside, it would not hold where it should, and what depends on it would not
 * be demanded.
 */
export type World = 'closed' | 'open' | 'shared' | 'sharedOpen' | 'condition'

/** The world of items and members. */
export const inside = {
  closed: 'closed',
  open: 'closed',
  shared: 'shared',
  sharedOpen: 'shared',
  condition: 'condition',
} as const satisfies { readonly [W in World]: World }

/** The world of what applies beside others to the same instance. */
export const beside = {
  closed: 'open',
  open: 'open',
  shared: 'sharedOpen',
  sharedOpen: 'sharedOpen',
  condition: 'condition',
} as const satisfies { readonly [W in World]: World }

/** Whether a schema is lowered for a position of its own, and not as a part of another. */
export function isPosition(world: World): boolean {
  return world === 'closed' || world === 'shared'
}

/** Whether a schema is a part of another that always applies, so that what it hides is hidden from all. */
export function isPart(world: World): boolean {
  return world === 'open' || world === 'sharedOpen'
}
