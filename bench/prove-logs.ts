import { proveLog } from '../test/harness/hostile/prove-log.ts'

// A million hostile requests at a real gate; jq must parse every line of its log. Ends with 0 when it does. Needs jq.

const count = Number(process.argv[2] ?? 1_000_000)
const { lines, malformed, byEvent, files, octets, statuses, rate } = await proveLog(count, '64MiB')
console.log(`lines: ${lines}, in ${files} files, ${(octets / 1024 ** 2).toFixed(0)} MiB`)
console.log(`malformed: ${malformed}`)
console.log(`events: ${JSON.stringify(byEvent)}`)
console.log(`answers: ${JSON.stringify(statuses)}, ${rate.toFixed(0)} a second`)
process.exitCode = malformed === 0 ? 0 : 1
