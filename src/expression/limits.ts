/** Of one expression, as it is written. */
export const maxLength = 2048
export const limits = {
  maxAstNodes: 256,
  maxDepth: 32,
  maxListElements: 64,
  maxMapEntries: 64,
  maxCallArguments: 8,
}
/** Longest list, or most members of an object, that a list macro walks. */
export const maxWalked = 1000
