import { setFlagsFromString } from 'node:v8'

/**
 * Has V8 make every object where young ones are, for this process and all of its threads; to be called before they serve.
 *
 * While a gateway starts, nearly all it makes is kept, and V8 learns from it to make what a place in the code makes among the
 * old objects. In some starts a place in the path of a request is among them: from when that is optimized on, each request is
 * held by an old object until the next major collection, however soon it ends, and every scavenge copies all of them.
 * @see docs/adr/0017-no-pretenuring.md
 */
export function allocateYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}
