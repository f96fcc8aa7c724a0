/**
 * Totals: written by the roll-up alone, each with its own checkpoint per shard.
 *
 * `ck.{shard}` on a total is the last sequence number of that shard folded into it, a top-level attribute (a nested
 * path fails on a new item). A redelivered batch, a moved batch edge and a zombie invocation all end at the same
 * numbers: an update goes through only when its first record is above the checkpoint, else it is folded again from
 * the records above it.
 */
import { GetCommand, PutCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { env } from '../env.ts'
import { deltaAfter, type Folded, type FoldedTotal, type TotalDelta } from '../track/fold.ts'
import { type TotalFields, totalNames } from '../track/total-names.ts'
import { eachLimited, isConditionFailed, type Table, transact, unlessRefused } from './client.ts'
import { type Key, keys } from './keys.ts'

const atOnce = 8
const checkpointPrefix = 'ck.'
/** A stream keeps records for 24 hours: a shard silent for twice that can deliver nothing more. */
const shardLifeMs = 48 * 3_600_000

export interface CampaignTotals {
  campaign: TotalFields
  hours: Record<string, TotalFields>
  segments: Record<string, TotalFields>
  relays: { slug: string; generation: number; visits: number }[]
}

export function createTotals(table: Table, wall: () => number = Date.now) {
  const TableName = env.table('totals')

  /** Adds what is above the total's checkpoint; nothing when all of it was added before. */
  async function applyOne(shard: string, total: FoldedTotal, hasEnded: HasEnded): Promise<void> {
    const key = keys.total(total.ws, total.cmp, total.name)
    let checkpoint: string | undefined
    for (;;) {
      const delta = deltaAfter(total, checkpoint)
      if (delta === undefined) return
      const done = await tryAdd(key, shard, delta)
      if (done.added) return await prune(key, shard, done.before, hasEnded)
      checkpoint = done.checkpoint
    }
  }

  type Tried = { added: true; before: Record<string, unknown> } | { added: false; checkpoint: string }

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
          ReturnValues: 'ALL_OLD',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      )
      return { added: true, before: Attributes ?? {} }
    } catch (error) {
      const { Item } = error as { Item?: Parameters<typeof unmarshall>[0] }
      if (!isConditionFailed(error) || Item === undefined) throw error
      return { added: false, checkpoint: String(unmarshall(Item)[ck]) }
    }
  }

  type HasEnded = (shard: string) => Promise<boolean>

  /** Asks for each shard's age once a batch. */
  function createHasEnded(): HasEnded {
    const before = wall() - shardLifeMs
    const asked = new Map<string, Promise<boolean>>()
    const ask = async (shard: string) => {
      const { Item } = await table.send(new GetCommand({ TableName, Key: keys.shard(shard) }))
      return Item !== undefined && Number(Item.atWall) < before
    }
    return (shard) => {
      const answer = asked.get(shard) ?? ask(shard)
      asked.set(shard, answer)
      return answer
    }
  }

  /** When a shard is new to a total, the checkpoints of those that ended make room. */
  async function prune(key: Key, shard: string, before: Record<string, unknown>, hasEnded: HasEnded): Promise<void> {
    if (checkpointPrefix + shard in before) return
    const drop: string[] = []
    for (const name of Object.keys(before)) {
      if (name.startsWith(checkpointPrefix) && (await hasEnded(name.slice(checkpointPrefix.length)))) drop.push(name)
    }
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
      const hasEnded = createHasEnded()
      await eachLimited(folded.values(), atOnce, (total) => applyOne(shard, total, hasEnded))
    },

    /**
     * Saves work after a restart, tells how old a shard is, and (only moving forward) that all up to it was folded.
     * Exactness does not rest on it.
     */
    async checkpoint(shard: string, sequence: string, atWall: number): Promise<void> {
      await unlessRefused(
        table.send(
          new PutCommand({
            TableName,
            Item: { ...keys.shard(shard), sequence, atWall },
            ConditionExpression: 'attribute_not_exists(pk) OR #sequence <= :sequence',
            ExpressionAttributeNames: { '#sequence': 'sequence' },
            ExpressionAttributeValues: { ':sequence': sequence },
          }),
        ),
      )
    },

    async readCheckpoint(shard: string): Promise<string | undefined> {
      const { Item } = await table.send(new GetCommand({ TableName, Key: keys.shard(shard), ConsistentRead: true }))
      return Item?.sequence as string | undefined
    },

    /** Keeps a record that cannot be folded, whole, with the reason. The first word on it stays. */
    async bury(shard: string, sequence: string, reason: string, record: unknown, atWall: number): Promise<void> {
      const Item = { ...keys.deadLetter(shard, sequence), reason, record: JSON.stringify(record), atWall }
      await unlessRefused(
        table.send(new PutCommand({ TableName, Item, ConditionExpression: 'attribute_not_exists(pk)' })),
      )
    },

    async deadLetters(): Promise<DeadLetter[]> {
      const letters: DeadLetter[] = []
      for await (const row of queryAll(table, TableName, 'DEAD', '', true)) letters.push(row as unknown as DeadLetter)
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
        await transact(table, [mark, ...adds])
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
      for await (const row of queryAll(table, TableName, pk, '', true)) found.set(String(row.sk), counts(row))
      return found
    },

    /**
     * Repair: sets the fields of a total from what was read to what was recounted, and keeps its checkpoints. `changed`
     * when one of them is no longer what was read: nothing is written, and a repeated call after a lost answer is safe.
     */
    async overwrite(
      ws: string,
      cmp: string,
      name: string,
      fields: { field: string; stored: number; recounted: number }[],
    ): Promise<'written' | 'changed'> {
      const stillAs = (stored: number, i: number) =>
        stored === 0 ? `(attribute_not_exists(#f${i}) OR #f${i} = :o${i})` : `#f${i} = :o${i}`
      try {
        await table.send(
          new UpdateCommand({
            TableName,
            Key: keys.total(ws, cmp, name),
            UpdateExpression: `SET ${fields.map((_, i) => `#f${i} = :n${i}`).join(', ')}`,
            ConditionExpression: fields.map(({ stored }, i) => stillAs(stored, i)).join(' AND '),
            ExpressionAttributeNames: Object.fromEntries(fields.map(({ field }, i) => [`#f${i}`, field])),
            ExpressionAttributeValues: Object.fromEntries(
              fields.flatMap(({ stored, recounted }, i) => [
                [`:n${i}`, recounted],
                [`:o${i}`, stored],
              ]),
            ),
          }),
        )
        return 'written'
      } catch (error) {
        if (isConditionFailed(error)) return 'changed'
        throw error
      }
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
  ConsistentRead = false,
): AsyncGenerator<Record<string, unknown>> {
  let ExclusiveStartKey: Record<string, unknown> | undefined
  do {
    const page = await table.send(
      new QueryCommand({
        TableName,
        ConsistentRead,
        KeyConditionExpression: prefix ? 'pk = :pk AND begins_with(sk, :prefix)' : 'pk = :pk',
        ExpressionAttributeValues: { ':pk': pk, ...(prefix && { ':prefix': prefix }) },
        ...(ExclusiveStartKey && { ExclusiveStartKey }),
      }),
    )
    yield* page.Items ?? []
    ExclusiveStartKey = page.LastEvaluatedKey
  } while (ExclusiveStartKey)
}
