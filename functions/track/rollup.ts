/**
 * Folds each batch of new facts into totals, exactly once whatever the stream repeats.
 *
 * Order of writes: derived facts, notices, totals, the shard's own checkpoint. A failed write fails the whole batch
 * and the stream brings it again; a record that cannot be folded becomes a dead letter and the batch goes on.
 */
import { createHash } from 'node:crypto'
import { log, reasonOf } from '../../shared/log.ts'
import { createTable, type Table } from '../../shared/table/client.ts'
import { createDerived } from '../../shared/table/derived.ts'
import { readChange, type StreamRecord, sequenceOf } from '../../shared/table/stream.ts'
import { createTotals } from '../../shared/table/totals.ts'
import { type Derived, derive, deriveOne } from '../../shared/track/derive.ts'
import { type Change, type Folded, foldOne, mergeInto } from '../../shared/track/fold.ts'

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
    const { folded, changes, poison, last } = sort(records)
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

/** A record without a usable sequence number is named by its content, so that a redelivery names it the same. */
function letterName(record: StreamRecord): string {
  if (sequenceOf(record) !== undefined) return record.dynamodb!.SequenceNumber!
  return `none-${createHash('sha256').update(JSON.stringify(record)).digest('hex').slice(0, 24)}`
}

interface Sorted {
  folded: Folded
  changes: Change[]
  poison: { record: StreamRecord; reason: string }[]
  /** The highest sequence number of the batch. */
  last: string | undefined
}

/** In the order of their numbers, each once: what follows holds even for a batch that repeats a record within itself. */
function sort(records: StreamRecord[]): Sorted {
  const good = new Map<string, { change: Change; folded: Folded }>()
  const poison: Sorted['poison'] = []
  for (const record of records) {
    try {
      const change = readChange(record)
      const one = { change, folded: foldOne(change) }
      deriveOne(change)
      good.set(change.sequence, one)
    } catch (error) {
      poison.push({ record, reason: reasonOf(error) })
    }
  }
  const ordered = [...good.keys()].sort().map((sequence) => good.get(sequence)!)
  const folded: Folded = new Map()
  for (const one of ordered) mergeInto(folded, one.folded)
  const last = records
    .flatMap((record) => sequenceOf(record) ?? [])
    .sort()
    .at(-1)
  return { folded, changes: ordered.map((one) => one.change), poison, last }
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
