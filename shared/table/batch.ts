/** From the records of a batch to what the roll-up writes: folded counts, changes to derive from, dead letters. */
import { createHash } from 'node:crypto'
import { reasonOf } from '../log.ts'
import { deriveOne } from '../track/derive.ts'
import { type Change, type Folded, foldOne, mergeInto } from '../track/fold.ts'
import { readChange, type StreamRecord, sequenceOf } from './stream.ts'

/** A record without a usable sequence number is named by its content, so that a redelivery names it the same. */
export function letterName(record: StreamRecord): string {
  if (sequenceOf(record) !== undefined) return record.dynamodb!.SequenceNumber!
  return `none-${createHash('sha256').update(JSON.stringify(record)).digest('hex').slice(0, 24)}`
}

export interface ReadBatch {
  folded: Folded
  changes: Change[]
  poison: { record: StreamRecord; reason: string }[]
  /** The highest sequence number of the batch. */
  last: string | undefined
}

/** In the order of their numbers, each once: what follows holds even for a batch that repeats a record within itself. */
export function readBatch(records: StreamRecord[]): ReadBatch {
  const good = new Map<string, { change: Change; folded: Folded }>()
  const poison: ReadBatch['poison'] = []
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
