/**
 * Feeds a table's stream to its function in the envelope AWS uses: batches of one shard, at least once, with
 * `shardId`, in order. Starts where the roll-up's checkpoint is.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type _Record as StreamedRecord,
} from '@aws-sdk/client-dynamodb-streams'
import { log, reasonOf } from '../shared/log.ts'

/** AWS ends a batch here; the embedded engine has answered 3 MB in one call. */
const batchBytes = 1_000_000
const idleMs = 50
const slowestIdleMs = 250
const gatherMs = 100

export interface Feed {
  /** Sequence number up to which the function has succeeded, per shard. */
  passed: Map<string, string>
  stop(): Promise<void>
}

export interface FeedOptions {
  endpoint: string
  table: string
  batchSize: number
  handler(batch: object): Promise<unknown>
  /** Where the function's own checkpoint of a shard is, padded or not; undefined = from the oldest record. */
  checkpoint(shard: string): Promise<string | undefined>
}

export async function startFeed(options: FeedOptions): Promise<Feed> {
  const streams = new DynamoDBStreamsClient({ endpoint: options.endpoint, region: 'local' })
  const StreamArn = await streamArn(options)
  const passed = new Map<string, string>()
  const started = new Map<string, Promise<void>>()
  let stopping = false

  async function discover(): Promise<void> {
    const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn }))
    for (const { ShardId } of StreamDescription?.Shards ?? []) {
      if (ShardId && !started.has(ShardId)) started.set(ShardId, follow(ShardId))
    }
  }

  async function follow(shard: string): Promise<void> {
    const start = async () => open(shard, passed.get(shard) ?? (await options.checkpoint(shard)))
    let iterator: string | undefined
    for (let waitMs = idleMs, ended = false; !stopping && !ended; ) {
      try {
        iterator ??= await start()
        const { Records = [], NextShardIterator } = await streams.send(
          new GetRecordsCommand({ ShardIterator: iterator, Limit: options.batchSize }),
        )
        for (const batch of cut(Records)) await deliver(shard, batch)
        iterator = NextShardIterator
        ended = iterator === undefined
        // A batch that is not full waits for more: each total is written once a batch, whatever its size.
        waitMs = Records.length >= options.batchSize ? 0 : Math.min(slowestIdleMs, waitMs + idleMs)
        if (Records.length > 0) waitMs = Math.min(waitMs, gatherMs)
      } catch (error) {
        if (stopping) return
        log('error', 'stream.retry', { shard, reason: reasonOf(error) })
        waitMs = 500
        iterator = undefined
      }
      if (waitMs > 0) await sleep(waitMs)
    }
  }

  async function deliver(shard: string, Records: StreamedRecord[]): Promise<void> {
    if (stopping) return
    await options.handler({ Records, shardId: shard, state: {}, isFinalInvokeForWindow: false })
    const last = Records.at(-1)?.dynamodb?.SequenceNumber
    if (last) passed.set(shard, last)
  }

  async function open(ShardId: string, after: string | undefined): Promise<string | undefined> {
    return (await streams.send(iteratorAfter(StreamArn, ShardId, after))).ShardIterator
  }

  await discover()
  const rediscover = setInterval(
    () => void discover().catch((error: unknown) => log('warn', 'stream.discover', { reason: reasonOf(error) })),
    10_000,
  )
  return {
    passed,
    async stop() {
      stopping = true
      clearInterval(rediscover)
      await Promise.allSettled(started.values())
      streams.destroy()
    },
  }
}

async function streamArn({ endpoint, table }: Pick<FeedOptions, 'endpoint' | 'table'>): Promise<string> {
  const db = new DynamoDBClient({ endpoint, region: 'local' })
  try {
    const { Table } = await db.send(new DescribeTableCommand({ TableName: table }))
    if (!Table?.LatestStreamArn) throw new Error(`${table} has no stream`)
    return Table.LatestStreamArn
  } finally {
    db.destroy()
  }
}

function iteratorAfter(StreamArn: string, ShardId: string, after: string | undefined): GetShardIteratorCommand {
  const from = after
    ? { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER' as const, SequenceNumber: String(BigInt(after)) }
    : { ShardIteratorType: 'TRIM_HORIZON' as const }
  return new GetShardIteratorCommand({ StreamArn, ShardId, ...from })
}

/** Where the stream ends, when the function has passed all of it; undefined when a record is still to come. */
export async function drainedAt(
  options: Pick<FeedOptions, 'endpoint' | 'table' | 'checkpoint'>,
): Promise<string | undefined> {
  const streams = new DynamoDBStreamsClient({ endpoint: options.endpoint, region: 'local' })
  try {
    const StreamArn = await streamArn(options)
    const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn }))
    const ends: string[] = []
    for (const { ShardId = '' } of StreamDescription?.Shards ?? []) {
      const checkpoint = await options.checkpoint(ShardId)
      const { ShardIterator } = await streams.send(iteratorAfter(StreamArn, ShardId, checkpoint))
      const { Records = [] } = await streams.send(new GetRecordsCommand({ ShardIterator, Limit: 1 }))
      if (Records.length > 0) return undefined
      ends.push(`${ShardId} ${checkpoint ?? ''}`)
    }
    return ends.sort().join('\n')
  } finally {
    streams.destroy()
  }
}

/** Batches of at most 1 MB, each of at least one record. */
function* cut(records: StreamedRecord[]): Generator<StreamedRecord[]> {
  let batch: StreamedRecord[] = []
  let bytes = 0
  for (const record of records) {
    const size = JSON.stringify(record, (_, value) => (value instanceof Set ? [...value] : value)).length
    if (batch.length > 0 && bytes + size > batchBytes) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(record)
    bytes += size
  }
  if (batch.length > 0) yield batch
}
