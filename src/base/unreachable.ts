/** Ends a switch over a union: a case added later fails to compile here, and fails closed at run time. */
export function unreachable(value: never): never {
  throw new Error(`unreachable case: ${typeof value}`)
}
