import { setFlagsFromString } from 'node:v8'

/**
 * Tells V8 how a gateway uses memory, for this process and all of its threads; to be called before they serve.
 *
 * Every object is made where young ones are. While a gateway starts, nearly all it makes is kept, and V8 would learn from that
 * to make what a place in the code makes among the old objects, where each holds its request until the next major collection.
 *
 * The old generation may double before it is collected: V8 would do it as soon as it has grown by some megabytes, which takes
 * little time in all, and stops every request that is under way for as long as ten of them take.
 * @see docs/adr/0017-garbage-collection.md
 */
export function collectSeldom(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
  setFlagsFromString('--heap-growing-percent=100')
}
