import assert from 'node:assert/strict'

/** So long is waited for what is to come, also on a machine that is slow and busy with other things. */
export const patienceMs = 30_000

/** Resolves once it holds; fails after `patienceMs`. @param what is waited for, in the words of the failure */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const endMs = Date.now() + patienceMs
  while (!(await holds())) {
    assert.ok(Date.now() < endMs, `never: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
