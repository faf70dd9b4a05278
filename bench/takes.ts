import { measureKeys } from './limits.ts'

// A process of its own, as a gateway has: code that has met counters with locks and counters without takes longer.

const [keys, shared, rounds] = process.argv.slice(2)
process.send?.(measureKeys(Number(keys), shared === 'true', Number(rounds)))
