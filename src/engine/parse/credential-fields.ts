import type { Program } from '../../program/program.ts'

/** Lower-case names of the fields in which API keys of the program come. */
export function credentialFields(schemes: Program['schemes']): ReadonlySet<string> {
  const names = Object.values(schemes).flatMap((plan) =>
    plan.kind === 'apiKey' && plan.in === 'header' ? [plan.name] : [],
  )
  return new Set(names)
}
