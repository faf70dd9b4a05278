const maxNameLength = 64

/** RFC 6901 3; names are cut, because a client makes them up. */
export function pointerStep(name: string): string {
  const cut = name.length > maxNameLength ? `${name.slice(0, maxNameLength)}…` : name
  return cut.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** A JSON Pointer into input of a client, for telling it where. */
export function toPointer(path: readonly string[]): string {
  return path.map((step) => `/${pointerStep(step)}`).join('')
}
