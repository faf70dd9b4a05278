import assert from 'node:assert/strict'

/** Resolves once it holds; fails after ten seconds. @param what is waited for, in the words of the failure */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const endMs = Date.now() + 10_000
  while (!(await holds())) {
    assert.ok(Date.now() < endMs, `never: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
