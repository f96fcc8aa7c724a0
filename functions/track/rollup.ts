/**
 * Folds each batch of new facts into totals, exactly once whatever the stream repeats.
 *
 * Order of writes: derived facts, notices, totals, the shard's own checkpoint. A failed write fails the whole batch
 * and the stream brings it again; a record that cannot be folded becomes a dead letter and the batch goes on.
 */
import { log } from '../../shared/log.ts'
import { letterName, readBatch } from '../../shared/table/batch.ts'
import { createTable, type Table } from '../../shared/table/client.ts'
import { createDerived } from '../../shared/table/derived.ts'
import type { StreamRecord } from '../../shared/table/stream.ts'
import { createTotals } from '../../shared/table/totals.ts'
import { type Derived, derive } from '../../shared/track/derive.ts'

/** What a stream mapping with a tumbling window delivers; the window is there for `shardId` alone. */
export interface StreamBatch {
  Records?: StreamRecord[]
  shardId?: string
  isFinalInvokeForWindow?: boolean
}

export function createRollup(table: Table, wall: () => number = Date.now) {
  const totals = createTotals(table, wall)
  const derived = createDerived(table)

  return async function rollup(batch: StreamBatch): Promise<{ state: Record<string, never> }> {
    const records = batch.Records ?? []
    if (records.length === 0) return { state: {} }
    const shard = batch.shardId
    if (!shard) throw new Error('The batch does not name its shard: the event source mapping needs a tumbling window.')
    const { folded, changes, poison, last } = readBatch(records)
    await derived.write(writeOrder(derive(changes)), wall())
    for (const { record, reason } of poison) await bury(shard, record, reason)
    await totals.apply(shard, folded)
    if (last !== undefined) await totals.checkpoint(shard, last, wall())
    return { state: {} }
  }

  async function bury(shard: string, record: StreamRecord, reason: string): Promise<void> {
    const sequence = letterName(record)
    log('error', 'rollup.dead_letter', { shard, sequence, reason })
    await totals.bury(shard, sequence, reason, record, wall())
  }
}

/** Notices tell of derived facts, so they come after them. */
function writeOrder(all: Derived[]): Derived[] {
  return [...all.filter((one) => one.kind !== 'notice'), ...all.filter((one) => one.kind === 'notice')]
}

let rollup: ReturnType<typeof createRollup> | undefined

export const handler = (batch: StreamBatch) => {
  rollup ??= createRollup(createTable())
  return rollup(batch)
}
