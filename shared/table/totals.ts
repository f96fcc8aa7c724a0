/**
 * Totals: written by the roll-up alone, each with its own checkpoint per shard.
 *
 * `ck.{shard}` on a total is the last sequence number of that shard folded into it, a top-level attribute (a nested
 * path fails on a new item). A redelivered batch, a moved batch edge and a zombie invocation all end at the same
 * numbers: an update goes through only when its first record is above the checkpoint, else it is folded again from
 * the records above it.
 */
import { GetCommand, PutCommand, QueryCommand, TransactWriteCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { env } from '../env.ts'
import { deltaAfter, type Folded, type FoldedTotal, type TotalDelta } from '../track/fold.ts'
import { type TotalFields, totalNames } from '../track/total-names.ts'
import { eachLimited, isConditionFailed, type Table } from './client.ts'
import { type Key, keys } from './keys.ts'

const atOnce = 8
const checkpointPrefix = 'ck.'
/** A stream keeps records for 24 hours: a shard silent for twice that can deliver nothing more. */
const shardLifeMs = 48 * 3_600_000
const manyCheckpoints = 8

export interface CampaignTotals {
  campaign: TotalFields
  hours: Record<string, TotalFields>
  segments: Record<string, TotalFields>
  relays: { slug: string; generation: number; visits: number }[]
}

export function createTotals(table: Table) {
  const TableName = env.table('totals')

  /** Adds what is above the total's checkpoint; nothing when all of it was added before. */
  async function applyOne(shard: string, total: FoldedTotal): Promise<void> {
    let checkpoint: string | undefined
    for (;;) {
      const delta = deltaAfter(total, checkpoint)
      if (delta === undefined) return
      const done = await tryAdd(keys.total(total.ws, total.cmp, total.name), shard, delta)
      if (done.added) return await prune(keys.total(total.ws, total.cmp, total.name), done.item)
      checkpoint = done.checkpoint
    }
  }

  type Tried = { added: true; item: Record<string, unknown> } | { added: false; checkpoint: string }

  async function tryAdd(key: Key, shard: string, delta: TotalDelta): Promise<Tried> {
    const ck = checkpointPrefix + shard
    const { expression, names, values } = addExpression(delta.fields)
    try {
      const { Attributes } = await table.send(
        new UpdateCommand({
          TableName,
          Key: key,
          UpdateExpression: `SET #ck = :last ${expression}`,
          ConditionExpression: 'attribute_not_exists(#ck) OR #ck < :first',
          ExpressionAttributeNames: { '#ck': ck, ...names },
          ExpressionAttributeValues: { ':first': delta.first, ':last': delta.last, ...values },
          ReturnValues: 'ALL_NEW',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      )
      return { added: true, item: Attributes ?? {} }
    } catch (error) {
      const { Item } = error as { Item?: Parameters<typeof unmarshall>[0] }
      if (!isConditionFailed(error) || Item === undefined) throw error
      return { added: false, checkpoint: String(unmarshall(Item)[ck]) }
    }
  }

  async function prune(key: Key, item: Record<string, unknown>): Promise<void> {
    const held = Object.keys(item).filter((name) => name.startsWith(checkpointPrefix))
    if (held.length <= manyCheckpoints) return
    const { Items = [] } = await table.send(
      new QueryCommand({ TableName, KeyConditionExpression: 'pk = :p', ExpressionAttributeValues: { ':p': 'SHARD' } }),
    )
    const before = Date.now() - shardLifeMs
    const ended = new Set(Items.filter((row) => Number(row.atWall) < before).map((row) => checkpointPrefix + row.sk))
    const drop = held.filter((name) => ended.has(name))
    if (drop.length === 0) return
    await table.send(
      new UpdateCommand({
        TableName,
        Key: key,
        UpdateExpression: `REMOVE ${drop.map((_, i) => `#c${i}`).join(', ')}`,
        ExpressionAttributeNames: Object.fromEntries(drop.map((name, i) => [`#c${i}`, name])),
      }),
    )
  }

  return {
    async apply(shard: string, folded: Folded): Promise<void> {
      await eachLimited(folded.values(), atOnce, (total) => applyOne(shard, total))
    },

    /** Saves work after a restart, and tells how old a shard is; exactness does not rest on it. */
    async checkpoint(shard: string, sequence: string, atWall: number): Promise<void> {
      await table.send(new PutCommand({ TableName, Item: { ...keys.shard(shard), sequence, atWall } }))
    },

    async readCheckpoint(shard: string): Promise<string | undefined> {
      const { Item } = await table.send(new GetCommand({ TableName, Key: keys.shard(shard) }))
      return Item?.sequence as string | undefined
    },

    /** Keeps a record that cannot be folded, whole, with the reason. The first word on it stays. */
    async bury(shard: string, sequence: string, reason: string, record: unknown, atWall: number): Promise<void> {
      const Item = { ...keys.deadLetter(shard, sequence), reason, record: JSON.stringify(record), atWall }
      try {
        await table.send(new PutCommand({ TableName, Item, ConditionExpression: 'attribute_not_exists(pk)' }))
      } catch (error) {
        if (!isConditionFailed(error)) throw error
      }
    },

    async deadLetters(): Promise<DeadLetter[]> {
      const letters: DeadLetter[] = []
      for await (const row of queryAll(table, TableName, 'DEAD', '')) letters.push(row as unknown as DeadLetter)
      return letters
    },

    /** Adds a mended record's counts and marks its letter `redriven`, in one transaction: once, whoever asks. */
    async redrive(letter: DeadLetter, folded: Folded, atWall: number): Promise<'redriven' | 'already'> {
      const mark = {
        Update: {
          TableName,
          Key: { pk: letter.pk, sk: letter.sk },
          UpdateExpression: 'SET redriven = :at',
          ConditionExpression: 'attribute_exists(pk) AND attribute_not_exists(redriven)',
          ExpressionAttributeValues: { ':at': atWall },
        },
      }
      const adds = [...folded.values()].map((total) => {
        const { expression, names, values } = addExpression(deltaAfter(total, undefined)!.fields)
        return {
          Update: {
            TableName,
            Key: keys.total(total.ws, total.cmp, total.name),
            UpdateExpression: expression,
            ExpressionAttributeNames: names,
            ExpressionAttributeValues: values,
          },
        }
      })
      try {
        await table.send(new TransactWriteCommand({ TransactItems: [mark, ...adds] }))
        return 'redriven'
      } catch (error) {
        if (isConditionFailed(error)) return 'already'
        throw error
      }
    },

    /** The one aggregate item the coefficients are read from: sent, readers, relays, visits, … */
    async readCampaign(ws: string, cmp: string): Promise<TotalFields> {
      const { Item } = await table.send(new GetCommand({ TableName, Key: keys.total(ws, cmp, totalNames.campaign) }))
      return counts(Item ?? {})
    },

    async readLink(ws: string, cmp: string | undefined, name: string): Promise<TotalFields> {
      const { Item } = await table.send(new GetCommand({ TableName, Key: keys.total(ws, cmp, name) }))
      return counts(Item ?? {})
    },

    /** Every total of a campaign by name: what a recount is compared with. */
    async readAll(ws: string, cmp: string): Promise<Map<string, TotalFields>> {
      const found = new Map<string, TotalFields>()
      const { pk } = keys.total(ws, cmp, '')
      for await (const row of queryAll(table, TableName, pk, '')) found.set(String(row.sk), counts(row))
      return found
    },

    /** Repair: sets a total to recounted figures and keeps its checkpoints. */
    async overwrite(ws: string, cmp: string, name: string, fields: TotalFields, had: TotalFields): Promise<void> {
      const delta = { ...Object.fromEntries(Object.keys(had).map((field) => [field, 0])), ...fields }
      const difference = Object.fromEntries(
        Object.entries(delta)
          .map(([field, n]) => [field, n - (had[field] ?? 0)] as const)
          .filter(([, n]) => n !== 0),
      )
      if (Object.keys(difference).length === 0) return
      const { expression, names, values } = addExpression(difference)
      await table.send(
        new UpdateCommand({
          TableName,
          Key: keys.total(ws, cmp, name),
          UpdateExpression: expression,
          ExpressionAttributeNames: names,
          ExpressionAttributeValues: values,
        }),
      )
    },

    /** What a report needs, from totals alone. */
    async readReport(ws: string, cmp: string): Promise<CampaignTotals> {
      const report: CampaignTotals = { campaign: await this.readCampaign(ws, cmp), hours: {}, segments: {}, relays: [] }
      const { pk } = keys.total(ws, cmp, '')
      for await (const row of queryAll(table, TableName, pk, 'HOUR#')) report.hours[rest(row, 'HOUR#')] = counts(row)
      for await (const row of queryAll(table, TableName, pk, 'SEG#')) report.segments[rest(row, 'SEG#')] = counts(row)
      for await (const row of queryAll(table, TableName, pk, 'LINK#relay#')) {
        const { relays = 0, laterRelays = 0, visits = 0, laterVisits = 0 } = counts(row)
        if (relays + laterRelays === 0) continue
        const slug = String(row.sk).slice(String(row.sk).lastIndexOf('#') + 1)
        report.relays.push({ slug, generation: relays > 0 ? 1 : 2, visits: visits + laterVisits })
      }
      return report
    },
  }
}

export type Totals = ReturnType<typeof createTotals>

export interface DeadLetter extends Key {
  reason: string
  /** The stream record as it came, JSON. */
  record: string
  atWall: number
  redriven?: number
}

const rest = (row: Record<string, unknown>, prefix: string): string => String(row.sk).slice(prefix.length)

/** The counts of a total's item: its numbers, without keys and checkpoints. */
function counts(item: Record<string, unknown>): TotalFields {
  const numbers = Object.entries(item).filter((entry): entry is [string, number] => typeof entry[1] === 'number')
  return Object.fromEntries(numbers)
}

function addExpression(fields: TotalFields) {
  const entries = Object.entries(fields)
  return {
    expression: entries.length === 0 ? '' : `ADD ${entries.map((_, i) => `#f${i} :f${i}`).join(', ')}`,
    names: Object.fromEntries(entries.map(([field], i) => [`#f${i}`, field])),
    values: Object.fromEntries(entries.map(([, n], i) => [`:f${i}`, n])),
  }
}

/** Every item of a partition whose sort key begins with `prefix`, page by page. */
export async function* queryAll(
  table: Table,
  TableName: string,
  pk: string,
  prefix: string,
): AsyncGenerator<Record<string, unknown>> {
  let ExclusiveStartKey: Record<string, unknown> | undefined
  do {
    const page = await table.send(
      new QueryCommand({
        TableName,
        KeyConditionExpression: prefix ? 'pk = :pk AND begins_with(sk, :prefix)' : 'pk = :pk',
        ExpressionAttributeValues: { ':pk': pk, ...(prefix && { ':prefix': prefix }) },
        ...(ExclusiveStartKey && { ExclusiveStartKey }),
      }),
    )
    yield* page.Items ?? []
    ExclusiveStartKey = page.LastEvaluatedKey
  } while (ExclusiveStartKey)
}
