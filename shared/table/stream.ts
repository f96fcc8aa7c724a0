/** From a stream record as Lambda delivers it to a change of facts. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import type { Fact } from '../facts.ts'
import type { Change } from '../track/fold.ts'

export interface StreamRecord {
  eventName?: string
  dynamodb?: {
    SequenceNumber?: string
    OldImage?: Record<string, unknown>
    NewImage?: Record<string, unknown>
    Keys?: Record<string, unknown>
  }
}

/** 1 digit on dynoxide, 21 on DynamoDB Local, up to 40 on AWS: padded, text order is number order everywhere. */
export function padSequence(sequence: string): string {
  if (!/^\d{1,40}$/.test(sequence)) throw new RangeError(`a sequence number of ${JSON.stringify(sequence)}`)
  return sequence.padStart(40, '0')
}

/** Undefined for rows of the facts table that are no facts (agenda, persons). @throws on a record without shape. */
export function readChange(record: StreamRecord): Change {
  const sequence = padSequence(record.dynamodb?.SequenceNumber ?? '')
  return { sequence, old: image(record.dynamodb?.OldImage), new: image(record.dynamodb?.NewImage) }
}

const bookkeeping = /^(AGENDA$|XID#)/

function image(attributes: Record<string, unknown> | undefined): Fact | undefined {
  if (attributes === undefined) return undefined
  const item = unmarshall(attributes as Record<string, AttributeValue>)
  if (bookkeeping.test(String(item.pk)) || bookkeeping.test(String(item.sk))) return undefined
  return item as Fact
}
