// Loaded into the gate before its own code: a look-up of a marked text throws, with a secret in the message.
const { get } = Map.prototype
Map.prototype.get = function (this: Map<unknown, unknown>, key: unknown) {
  if (typeof key === 'string' && key.startsWith('EXPLODE'))
    throw new Error(`CANARY-panic-7f3a\n    at CANARY-panic-7f3a (${key}:1:1)`)
  return get.call(this, key)
}
