/** Tells the operator of something that happened, with fields that are no secret. */
export type Tell = (event: string, fields: { readonly [name: string]: unknown }) => void

/** Says once that a collector takes nothing, and once that it does again. */
export function announceOutages(
  signal: string,
  tell: Tell,
): { failed(detail: string): void; succeeded(): void } {
  let down = false
  return {
    failed(detail) {
      if (!down) tell('telemetry_failed', { signal, detail })
      down = true
    },
    succeeded() {
      if (down) tell('telemetry_resumed', { signal })
      down = false
    },
  }
}
