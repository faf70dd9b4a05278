import type { ConnectionCounts } from '../../gateway/connections.ts'
import type { Bounds } from '../../program/settings.ts'
import type { Holds } from '../../stores/shared-holds.ts'

/** Not an address. */
const all = '*'

/** Counts connections over all workers of the process: in all, and for each socket peer that is not exempt. */
export function shareConnections(holds: Holds, bounds: Bounds): ConnectionCounts {
  let open = 0
  return {
    enter(address, exempt) {
      if (!holds.enter(all, bounds.connections)) return 'connections'
      const most = exempt ? Number.POSITIVE_INFINITY : bounds.connectionsPerAddress
      if (!holds.enter(address, most)) {
        holds.leave(all)
        return 'connectionsPerAddress'
      }
      open++
      return null
    },
    leave(address) {
      open--
      holds.leave(address)
      holds.leave(all)
    },
    get open() {
      return open
    },
  }
}
