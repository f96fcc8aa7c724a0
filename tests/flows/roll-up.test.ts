/** Exactly once: whatever a stream repeats, cuts elsewhere, delays or spoils, every total is what the facts say. */
import {
  type _Record,
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ListStreamsCommand,
} from '@aws-sdk/client-dynamodb-streams'
import { PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createRollup } from '../../functions/track/rollup.ts'
import { createTables, tableEnv } from '../../local/dynamo.ts'
import { drainedAt, startFeed } from '../../local/stream.ts'
import type { HitBlock } from '../../shared/facts.ts'
import { createTable, eachLimited, type Table } from '../../shared/table/client.ts'
import { keys } from '../../shared/table/keys.ts'
import { compare, recount } from '../../shared/table/recount.ts'
import { redrive } from '../../shared/table/redrive.ts'
import type { StreamRecord } from '../../shared/table/stream.ts'
import { createTotals } from '../../shared/table/totals.ts'
import { packHits } from '../../shared/track/pack.ts'
import { type Engines, startEngines } from '../engines.ts'
import { createRandom, inventWorld, oracle, type Random, type Stored, type World, ws } from './roll-up-world.ts'

const seed = Number(process.env.ROLLUP_SEED ?? 20_261_124)
const people = Number(process.env.ROLLUP_PEOPLE ?? 30)

let engines: Engines
let table: Table
let world: World
/** The stream as the engine recorded it while the feed was rolling it up. */
let recorded: StreamRecord[]

beforeAll(async () => {
  console.log(`ROLLUP_SEED=${seed} ROLLUP_PEOPLE=${people}`)
  engines = await startEngines()
  table = createTable()
  world = inventWorld(createRandom(seed), people)
})

afterAll(async () => {
  table?.destroy()
  await engines?.stop()
})

/** `campaign total field` → number, zeros left out, as the oracle has them. */
async function storedTotals(): Promise<Record<string, number>> {
  const totals = createTotals(table)
  const all: Record<string, number> = {}
  for (const cmp of world.cmps)
    for (const [name, fields] of await totals.readAll(ws, cmp))
      for (const [field, n] of Object.entries(fields)) if (n !== 0) all[`${cmp} ${name} ${field}`] = n
  return all
}

async function writeFacts(): Promise<void> {
  const isLink = (history: Stored[]) => history[0]!.type === 'link'
  // A link is there, and its message sent, before anybody opens it.
  for (const histories of [world.histories.filter(isLink), world.histories.filter((one) => !isLink(one))]) {
    await eachLimited(histories, 8, async (history) => {
      for (const Item of history) await table.send(new PutCommand({ TableName: process.env.FACTS_TABLE!, Item }))
    })
  }
  for (const cmp of world.cmps) {
    const campaign = {
      type: 'campaign',
      ws,
      id: cmp,
      state: 'tracking',
      createdAt: 0,
      startedAt: Date.now(),
      version: 1,
    }
    await table.send(
      new PutCommand({ TableName: process.env.FACTS_TABLE!, Item: { ...keys.campaign(ws, cmp), ...campaign } }),
    )
  }
}

async function readStream(): Promise<StreamRecord[]> {
  const streams = new DynamoDBStreamsClient({ endpoint: engines.endpoint, region: 'local' })
  const { Streams } = await streams.send(new ListStreamsCommand({ TableName: process.env.FACTS_TABLE! }))
  const { StreamArn } = Streams![0]!
  const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn }))
  const { ShardId } = StreamDescription!.Shards![0]!
  const first = { StreamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' as const }
  let { ShardIterator } = await streams.send(new GetShardIteratorCommand(first))
  const records: _Record[] = []
  for (;;) {
    const page = await streams.send(new GetRecordsCommand({ ShardIterator, Limit: 1000 }))
    if (!page.Records?.length) break
    records.push(...page.Records)
    ShardIterator = page.NextShardIterator
  }
  streams.destroy()
  return records as StreamRecord[]
}

async function until<T>(what: () => Promise<T | undefined>, boundMs = 30_000): Promise<T> {
  for (const end = Date.now() + boundMs; Date.now() < end; ) {
    const found = await what()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`not within ${boundMs} ms`)
}

describe('the feed', () => {
  test('carries every fact to the totals: they are what the oracle says and what a recount says', async () => {
    const checkpoint = (shard: string) => createTotals(table).readCheckpoint(shard)
    const stream = { endpoint: engines.endpoint, table: process.env.FACTS_TABLE!, checkpoint }
    const feed = await startFeed({ ...stream, batchSize: 100, handler: createRollup(table) })
    await writeFacts()
    await until(() => drainedAt(stream))
    await feed.stop()
    recorded = await readStream()
    expect(await storedTotals()).toEqual(oracle(world))
    for (const cmp of world.cmps) {
      const recounted = await recount(table, ws, cmp, { nowWall: Date.now() })
      expect(compare(recounted.totals, await createTotals(table).readAll(ws, cmp))).toEqual([])
      expect(recounted).toMatchObject({ broken: 0, missing: [], unexpected: 0 })
    }
  })

  test('has seen what is hard: reads that moved earlier, rewrites, sets that grew, derived facts', () => {
    const images = recorded.map(({ eventName, dynamodb }) => ({
      eventName,
      old: dynamodb!.OldImage as Record<string, { S?: string; N?: string; NS?: string[] }> | undefined,
      new: dynamodb!.NewImage as Record<string, { S?: string; N?: string; NS?: string[] }> | undefined,
    }))
    const some = (found: (image: (typeof images)[number]) => boolean) => expect(images.some(found)).toBe(true)
    some(({ old, new: next }) => Number(old?.firstReadAt?.N) > Number(next?.firstReadAt?.N))
    some(({ old, new: next }) => (next?.halfHours?.NS?.length ?? 0) > (old?.halfHours?.NS?.length ?? 99))
    some(({ old, new: next }) => old?.type?.S === 'hits' && next?.type?.S === 'hits')
    some(({ new: next }) => next?.type?.S === 'notice')
    some(({ new: next }) => next?.erasedAt !== undefined)
  })
})

interface Shard {
  id: string
  records: StreamRecord[]
}

/** AWS names them so. One counts through a change of digits, one up to 40 digits, as sequence numbers there are. */
const shardStarts: [id: string, first: bigint, step: bigint][] = [
  ['shardId-00000001234567890123-0a1b2c3d', 95n, 3n],
  ['shardId-00000001234567890124-abc', 10n ** 20n - 400n, 7n],
  ['shardId-00000001234567899999-ffffffff', 10n ** 39n, 10n ** 36n],
]

/** Each item in one shard, in the order it was written, under that shard's own numbers. */
function spread(records: StreamRecord[]): Shard[] {
  const shards = shardStarts.map(([id]) => ({ id, records: [] as StreamRecord[] }))
  for (const record of records) {
    const key = JSON.stringify(Object.entries(record.dynamodb!.Keys!).sort())
    const at = [...key].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 9973, 7) % shards.length
    const [, first, step] = shardStarts[at]!
    const SequenceNumber = String(first + step * BigInt(shards[at]!.records.length))
    shards[at]!.records.push({ ...record, dynamodb: { ...record.dynamodb!, SequenceNumber } })
  }
  for (const shard of shards) expect(shard.records.length).toBeGreaterThan(20)
  return shards
}

/** Tables of their own for a replay: what the roll-up writes goes there, what is created after this call writes there. */
async function freshTables(prefix: string): Promise<void> {
  await createTables(engines.endpoint, prefix)
  Object.assign(process.env, tableEnv(engines.endpoint, prefix))
}

type Batch = { shardId: string; Records: StreamRecord[] }

/** In order, but each record one to five times: a batch may reach back and may be cut anywhere. */
function* deliveries(random: Random, shard: Shard): Generator<Batch> {
  const times = shard.records.map(() => 0)
  for (let next = 0; next < shard.records.length; ) {
    let from = Math.max(0, next - random.below(60))
    while (from < next && Math.max(...times.slice(from, next)) >= 4) from++
    const to = Math.min(shard.records.length, next + 1 + random.below(80))
    for (let i = from; i < to; i++) times[i]!++
    yield { shardId: shard.id, Records: shard.records.slice(from, to) }
    next = to
  }
}

/** A client of the real engine that lets so many updates of totals pass, and holds the next until it is let go. */
function gated(passing: number) {
  const reached = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const TableName = process.env.TOTALS_TABLE
  let updates = 0
  const send = async (command: { input: { TableName?: string } }) => {
    if (command instanceof UpdateCommand && command.input.TableName === TableName && ++updates > passing) {
      reached.resolve()
      await gate.promise
    }
    return table.send(command as UpdateCommand)
  }
  return { table: { send } as unknown as Table, reached: reached.promise, release: gate.resolve }
}

describe('a recorded stream, replayed', () => {
  test.each([1, 2])('with duplicates, moved edges, three shards at once and old batches later (%i)', async (n) => {
    const random = createRandom(seed + n)
    await freshTables(`replay${n}`)
    const rollup = createRollup(table)
    const delivered: Batch[] = []
    await Promise.all(
      spread(recorded).map(async (shard) => {
        for (const batch of deliveries(random, shard)) {
          await rollup(batch)
          delivered.push(batch)
        }
        await rollup({ shardId: shard.id, Records: [], isFinalInvokeForWindow: true } as object)
      }),
    )
    expect(await storedTotals()).toEqual(oracle(world))
    await eachLimited(random.shuffle(delivered), 4, async (batch) => void (await rollup(batch)))
    expect(await storedTotals()).toEqual(oracle(world))
  })

  test('with batches that repeat and disorder their own records', async () => {
    const random = createRandom(seed + 10)
    await freshTables('disorder')
    const rollup = createRollup(table)
    for (const shard of spread(recorded))
      for (const { shardId, Records } of deliveries(random, shard))
        await rollup({ shardId, Records: random.shuffle([...Records, ...Records.slice(0, 9)]) })
    expect(await storedTotals()).toEqual(oracle(world))
  })

  test('with zombies: invocations that pause between their updates and go on after newer batches', async () => {
    const random = createRandom(seed + 20)
    await freshTables('zombies')
    const zombies: { release(): void; ended: Promise<unknown> }[] = []
    let paused = 0
    for (const shard of spread(recorded)) {
      for (const batch of deliveries(random, shard)) {
        const gate = gated(random.below(12))
        const ended = createRollup(gate.table)(batch)
        const outcome = await Promise.race([gate.reached.then(() => 'paused'), ended.then(() => 'ended')])
        if (outcome === 'paused') paused++
        zombies.push({ release: gate.release, ended })
        // The stream gave up on it and brings the batch again, cut elsewhere, and the ones after it.
        const cut = random.below(batch.Records.length)
        const rollup = createRollup(table)
        await rollup({ ...batch, Records: batch.Records.slice(0, cut) })
        await rollup({ ...batch, Records: batch.Records.slice(cut) })
        if (random.chance(0.3)) await wake(random, zombies)
      }
    }
    while (zombies.length > 0) await wake(random, zombies)
    expect(paused).toBeGreaterThan(5)
    expect(await storedTotals()).toEqual(oracle(world))
  })

  async function wake(random: Random, zombies: { release(): void; ended: Promise<unknown> }[]): Promise<void> {
    const [zombie] = zombies.splice(random.below(zombies.length), 1)
    zombie!.release()
    await zombie!.ended
  }
})

/** Ways to spoil a record of a hit block that was put. */
const spoilings: [reason: string, spoil: (record: StreamRecord) => StreamRecord][] = [
  ['unknown type "surprise"', (record) => withImage(record, { type: { S: 'surprise' } })],
  ['a hits whose hits is not usable', (record) => withImage(record, { hits: { L: [{ M: { t: { S: 'noon' } } }] } })],
  ['a hits whose hits cannot be read', (record) => withImage(record, { hits: { S: 'visitor1' } })],
  ['a hits whose ws is not usable', (record) => withImage(record, { ws: { NULL: true } })],
  ['Unsupported type passed', (record) => withImage(record, { cv: { X: 'torn' } })],
  ['a record of MODIFY with new image', (record) => ({ ...record, eventName: 'MODIFY' })],
  [
    'a sequence number of "twelve"',
    (record) => ({ ...record, dynamodb: { ...record.dynamodb!, SequenceNumber: 'twelve' } }),
  ],
]

function withImage(record: StreamRecord, patch: Record<string, unknown>): StreamRecord {
  return { ...record, dynamodb: { ...record.dynamodb!, NewImage: { ...record.dynamodb!.NewImage, ...patch } } }
}

const isBlockPut = (record: StreamRecord) =>
  record.eventName === 'INSERT' && (record.dynamodb?.NewImage?.type as { S?: string })?.S === 'hits'

/** The block a record tells of, among the world's own. */
function blockOf(record: StreamRecord): HitBlock {
  const { pk, sk } = record.dynamodb!.Keys as Record<'pk' | 'sk', { S: string }>
  const row = world.histories.flat().find((one) => one.pk === pk.S && one.sk === sk.S)!
  return world.blocks.find(
    (block) => row.type === 'hits' && row.cmp === block.cmp && row.hits === packHits(block.hits),
  )!
}

describe('poison', () => {
  test('becomes dead letters with reasons, holds up nothing, and is counted once when it can be', async () => {
    const random = createRandom(seed + 30)
    await freshTables('poison')
    const logged = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const good = spread(recorded)
    const spoilt: { original: StreamRecord; shard: string; reason: string }[] = []
    const shards = good.map((shard) => ({
      id: shard.id,
      records: shard.records.map((original) => {
        if (!isBlockPut(original) || !random.chance(0.6)) return original
        const [reason, spoil] = spoilings[spoilt.length % spoilings.length]!
        spoilt.push({ original, shard: shard.id, reason })
        return spoil(original)
      }),
    }))
    expect(spoilt.length).toBeGreaterThanOrEqual(spoilings.length * 2)

    const rollup = createRollup(table)
    const delivered: Batch[] = []
    // The last record of a batch is often a spoilt one: batches of one to three.
    for (const { id, records } of shards)
      for (let at = 0; at < records.length; ) {
        const batch = { shardId: id, Records: records.slice(at, at + 1 + random.below(3)) }
        await rollup(batch)
        await rollup(batch)
        delivered.push(batch)
        at += batch.Records.length
      }
    const words = logged.mock.calls.map(([line]) => String(line)).join('')
    logged.mockRestore()
    expect(words.match(/rollup\.dead_letter/g)?.length).toBe(2 * spoilt.length)
    expect(words).not.toContain('visitor')

    const uncounted = new Set(spoilt.map(({ original }) => blockOf(original)))
    expect(uncounted.size).toBe(spoilt.length)
    const totals = createTotals(table)
    const letters = await totals.deadLetters()
    expect(letters).toHaveLength(spoilt.length)
    for (const { reason } of spoilt) expect(letters.some((letter) => letter.reason.includes(reason))).toBe(true)
    expect(await storedTotals()).toEqual(oracle(world, uncounted))

    // Only what needs no more than its images can be counted as it is.
    const early = await redrive(table)
    const numberless = spoilt.filter(({ reason }) => reason.includes('twelve'))
    expect(early.redriven).toBe(numberless.length)
    expect(early.left).toHaveLength(spoilt.length - numberless.length)
    for (const { original } of numberless) uncounted.delete(blockOf(original))
    expect(await storedTotals()).toEqual(oracle(world, uncounted))

    // Code that can read them stands here as letters that can be read.
    for (const { original, shard, reason } of spoilt) {
      if (reason.includes('twelve')) continue
      const Key = keys.deadLetter(shard, original.dynamodb!.SequenceNumber!)
      await table.send(
        new UpdateCommand({
          TableName: process.env.TOTALS_TABLE!,
          Key,
          UpdateExpression: 'SET #record = :record',
          ConditionExpression: 'attribute_exists(pk)',
          ExpressionAttributeNames: { '#record': 'record' },
          ExpressionAttributeValues: { ':record': JSON.stringify(original) },
        }),
      )
    }
    const both = await Promise.all([redrive(table), redrive(table)])
    expect(both.flatMap((one) => one.left)).toEqual([])
    expect(both[0].redriven + both[1].redriven).toBe(early.left.length)
    expect(await storedTotals()).toEqual(oracle(world))

    // The stream brings all of it again: letters stay redriven.
    vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    for (const batch of delivered) await rollup(batch)
    vi.restoreAllMocks()
    expect(await redrive(table)).toEqual({ redriven: 0, already: 0, left: [] })
    expect(await storedTotals()).toEqual(oracle(world))
  })
})
