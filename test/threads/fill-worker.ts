import { workerData } from 'node:worker_threads'
import { BucketTable, type TableMemory } from '../../src/stores/bucket-table.ts'

/** A slot whose instant is now this one and now that, without end. */
export interface Filling {
  readonly table: TableMemory
  readonly slot: number
  readonly instants: readonly number[]
}

const { table, slot, instants } = workerData as Filling
const buckets = new BucketTable(table)
// So often each that a reader comes in between.
for (;;) for (const atMs of instants) for (let time = 0; time < 20; time++) buckets.fill(slot, atMs)
