/** From a stream record as Lambda delivers it to a change of facts. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import type { Fact } from '../facts.ts'
import type { Change } from '../track/fold.ts'
import { unpackBlock } from '../track/pack.ts'

export interface StreamRecord {
  eventName?: string
  dynamodb?: {
    SequenceNumber?: string
    OldImage?: Record<string, unknown>
    NewImage?: Record<string, unknown>
    Keys?: Record<string, unknown>
  }
}

const usable = /^\d{1,40}$/

/** 1 digit on dynoxide, 21 on DynamoDB Local, up to 40 on AWS: padded, text order is number order everywhere. */
export function padSequence(sequence: string): string {
  if (!usable.test(sequence)) throw new RangeError(`a sequence number of ${JSON.stringify(sequence)}`)
  return sequence.padStart(40, '0')
}

/** The padded sequence number of a record, when it has one that can be used. */
export function sequenceOf(record: StreamRecord): string | undefined {
  const sequence = record.dynamodb?.SequenceNumber
  return typeof sequence === 'string' && usable.test(sequence) ? padSequence(sequence) : undefined
}

/** @throws on a record without shape. */
export function readChange(record: StreamRecord): Change {
  return { sequence: padSequence(record.dynamodb?.SequenceNumber ?? ''), ...readImages(record) }
}

/** Without its old image a change would count as a birth; without its new one, as nothing. */
const imagesOf: Record<string, string> = { INSERT: 'new', MODIFY: 'old and new', REMOVE: 'old' }

/**
 * The fact before and after. Undefined for rows of the facts table that are no facts (agenda, persons).
 * @throws on a record without the images its event must carry.
 */
export function readImages(record: StreamRecord): Pick<Change, 'old' | 'new'> {
  const { OldImage, NewImage } = record.dynamodb ?? {}
  const carried = [OldImage && 'old', NewImage && 'new'].filter(Boolean).join(' and ')
  if (imagesOf[record.eventName ?? ''] !== carried)
    throw new RangeError(`a record of ${record.eventName ?? 'no event'} with ${carried || 'no'} image`)
  return { old: image(OldImage), new: image(NewImage) }
}

const bookkeeping = /^(AGENDA$|XID#)/

function image(attributes: Record<string, unknown> | undefined): Fact | undefined {
  if (attributes === undefined) return undefined
  const item = unmarshall(attributes as Record<string, AttributeValue>)
  if (bookkeeping.test(String(item.pk)) || bookkeeping.test(String(item.sk))) return undefined
  return asFact(item)
}

/** A row of the facts table as the fact it is. @throws on a hit block that cannot be read. */
export function asFact(item: Record<string, unknown>): Fact {
  if (item.type !== 'hits') return item as unknown as Fact
  try {
    return unpackBlock(item)
  } catch {
    // JSON.parse would quote what it stumbled over, and reasons are logged.
    throw new RangeError('a hits whose hits cannot be read')
  }
}
