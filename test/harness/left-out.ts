import type { TestEvent } from 'node:test/reporters'

/** Reports each test that was left out, and why: a line of its own, and under CI=true a failure. */
export default async function* leftOut(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue
    const { name, skip } = event.data
    if (skip === undefined || skip === false) continue
    if (process.env.CI === 'true') process.exitCode = 1
    yield `\nleft out: ${name}${typeof skip === 'string' ? ` (${skip})` : ''}\n`
  }
}
