/**
 * Keeps what was last made for something, as a field of whoever outlives the request.
 *
 * A field and not a `WeakMap`: a table of weak keys with an entry for every remembered token makes each scavenge
 * walk the table.
 */
export class Memo<About extends object, Value> {
  #about: About | null = null
  #value: Value | null = null

  of(about: About, make: () => Value): Value {
    if (this.#about === about) return this.#value as Value
    const value = make()
    this.#about = about
    this.#value = value
    return value
  }
}
