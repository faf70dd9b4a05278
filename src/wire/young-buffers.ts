import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

type Collect = (options: { readonly type: 'minor' }) => void

/** Octets of a stream after which its spent buffers are collected; a scavenge takes about a millisecond. */
const betweenBytes = 16 * 1024 ** 2

/**
 * Counts the octets of streams that pass, and has their spent buffers collected from time to time. V8 sees the few octets of
 * each buffer's handle and lets some 64 MiB of what they hold gather before it looks (measured on Node.js 26).
 */
export function createBufferCount(): (octets: number) => void {
  // Stays set: a flag is one for all threads, and another one may be at this line as well.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as Collect
  let passed = 0
  return (octets) => {
    passed += octets
    if (passed < betweenBytes) return
    passed = 0
    collect({ type: 'minor' })
  }
}
