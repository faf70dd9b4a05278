/** Who runs on which cores, by how many there are; lists as taskset reads them. */
export interface CorePlan {
  /** False: everything shares all cores, under each gateway alike. */
  readonly pinned: boolean
  readonly gateways: readonly PlannedGateway[]
  /** Of the load generators, the upstream and the issuer: the same for each gateway. */
  readonly otherCores: string
  readonly upstreamProcesses: number
  readonly loaderThreads: number
}

export interface PlannedGateway {
  readonly workers: number
  readonly cores: string
}

/**
 * One worker, and twice as many up to half of the cores; two at least. A gateway has as many cores as workers, from the
 * first on, and what drives it has those that no gateway has. With no core left for that, nothing is pinned.
 */
export function planCores(cores: number): CorePlan {
  const most = 2 ** Math.max(1, Math.floor(Math.log2(cores / 2)))
  const counts = Array.from({ length: Math.log2(most) + 1 }, (_, i) => 2 ** i)
  const others = cores - most
  const pinned = others > 0
  return {
    pinned,
    gateways: counts.map((workers) => ({ workers, cores: coreList(0, pinned ? workers : cores) })),
    otherCores: pinned ? coreList(most, others) : coreList(0, cores),
    upstreamProcesses: Math.max(1, Math.floor(others / 3)),
    loaderThreads: Math.max(1, Math.ceil(others / 2)),
  }
}

function coreList(first: number, count: number): string {
  return count === 1 ? `${first}` : `${first}-${first + count - 1}`
}
