/** From 0 up to 1, by an id that is random: the engine has no dice of its own. */
export function spreadOf(requestId: string): number {
  return (Number.parseInt(requestId.slice(0, 8), 16) || 0) / 2 ** 32
}
