/** What is known of the store that gateways share limits in. */
export interface StoreFigures {
  /** 1 while every worker reaches it. */
  readonly up: number
  /** Gateways that use it, as last known. */
  readonly gateways: number
  /** Takes that it decided; that it did not decide in time, or failed at; and that did not ask it. */
  readonly answered: number
  readonly late: number
  readonly failed: number
  readonly skipped: number
  /** Takes that were decided from tokens on loan. */
  readonly leased: number
  /** Times that a lease was borrowed anew before it was used up, with nobody waiting. */
  readonly borrowed: number
  /** Draws decided without it, by `onStoreFault`. */
  readonly local: number
  readonly deny: number
  readonly allow: number
}

/** Prometheus text, nothing where limits are not shared. Label values are from tables of ours. */
export function exposeLimitStore(lines: string[], figures: StoreFigures | null): void {
  if (!figures) return
  const describe = (name: string, type: string, help: string) =>
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
  describe('portcullis_limit_store_up', 'gauge', 'Whether all workers reach the store of limits.')
  lines.push(`portcullis_limit_store_up ${figures.up}`)
  describe('portcullis_limit_store_gateways', 'gauge', 'Gateways that share limits, as last known.')
  lines.push(`portcullis_limit_store_gateways ${figures.gateways}`)
  describe('portcullis_limit_store_takes_total', 'counter', 'Takes of shared limits by what became of them.')
  for (const outcome of ['answered', 'leased', 'late', 'failed', 'skipped'] as const)
    lines.push(`portcullis_limit_store_takes_total{outcome="${outcome}"} ${figures[outcome]}`)
  describe('portcullis_limit_store_borrows_total', 'counter', 'Leases borrowed anew with nobody waiting.')
  lines.push(`portcullis_limit_store_borrows_total ${figures.borrowed}`)
  describe(
    'portcullis_limit_store_faults_total',
    'counter',
    'Draws decided without the store, by what onStoreFault says.',
  )
  for (const mode of ['local', 'deny', 'allow'] as const)
    lines.push(`portcullis_limit_store_faults_total{mode="${mode}"} ${figures[mode]}`)
}
