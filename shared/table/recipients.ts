/** Recipients of a campaign, by ordinal; nobody is in a campaign twice. */
import { GetCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { env } from '../env.ts'
import type { Recipient } from '../facts.ts'
import { Fault } from '../fault.ts'
import { isConditionFailed, reasonsOf, type Table, transact } from './client.ts'
import { keys } from './keys.ts'
import { queryAll } from './totals.ts'

/** Rows of one transaction: two writes each and one check, of the 100 it may hold. */
const chunkRows = 48
const page = 100

export type NewRecipient = Omit<Recipient, 'type' | 'ws' | 'cmp' | 'ordinal'>

export interface Added {
  pending: number
  suppressed: number
  /** X ids that were in the campaign already, whose rows were left as they are. */
  duplicates: string[]
}

const notDraft = () =>
  new Fault('conflict', 'Recipients can be added while the campaign is a draft; this one is not any more.')

export interface Candidates {
  pending: Recipient[]
  /** Every recipient up to this ordinal is settled. */
  settledTo: number
  /** One that is being sent to, if any was met on the way. */
  claimed?: Recipient
}

export function createRecipients(table: Table) {
  const TableName = env.table('facts')

  /** Takes the next ordinals, while the campaign is a draft; gaps do no harm. */
  async function reserve(ws: string, cmp: string, n: number): Promise<number> {
    try {
      const { Attributes } = await table.send(
        new UpdateCommand({
          TableName,
          Key: keys.campaign(ws, cmp),
          UpdateExpression: 'ADD recipients :n, version :one',
          ConditionExpression: '#state = :draft',
          ExpressionAttributeNames: { '#state': 'state' },
          ExpressionAttributeValues: { ':n': n, ':one': 1, ':draft': 'draft' },
          ReturnValues: 'UPDATED_NEW',
        }),
      )
      return Number(Attributes?.recipients) - n
    } catch (error) {
      if (!isConditionFailed(error)) throw error
      throw notDraft()
    }
  }

  /** Adds a chunk in one transaction, less those who are in the campaign already; says which were not added. */
  async function addChunk(ws: string, cmp: string, chunk: Recipient[]): Promise<Recipient[]> {
    let rest = chunk
    while (rest.length > 0) {
      try {
        await transact(table, [stillDraft(ws, cmp), ...rest.flatMap(puts)])
        break
      } catch (error) {
        const [draft, ...reasons] = reasonsOf(error) ?? []
        if (draft === 'ConditionalCheckFailed') throw notDraft()
        const fresh = rest.filter((_, i) => reasons[2 * i] !== 'ConditionalCheckFailed')
        if (fresh.length === rest.length) throw error
        rest = fresh
      }
    }
    const added = new Set(rest)
    return chunk.filter((recipient) => !added.has(recipient))
  }

  /** A launch in the middle of an import ends it: a row written behind the sender's cursor would never be sent. */
  function stillDraft(ws: string, cmp: string) {
    return {
      ConditionCheck: {
        TableName,
        Key: keys.campaign(ws, cmp),
        ConditionExpression: '#state = :draft',
        ExpressionAttributeNames: { '#state': 'state' },
        ExpressionAttributeValues: { ':draft': 'draft' },
      },
    }
  }

  function puts(recipient: Recipient) {
    const { ws, cmp, ordinal, xUserId } = recipient
    const person = { ...keys.person(ws, cmp, xUserId), ordinal }
    return [
      { Put: { TableName, Item: person, ConditionExpression: 'attribute_not_exists(pk)' } },
      { Put: { TableName, Item: { ...keys.recipient(ws, cmp, ordinal), ...recipient } } },
    ]
  }

  return {
    /** @throws Fault conflict when the campaign is no draft any more. */
    async add(ws: string, cmp: string, all: NewRecipient[]): Promise<Added> {
      const added: Added = { pending: 0, suppressed: 0, duplicates: [] }
      if (all.length === 0) return added
      const before = await reserve(ws, cmp, all.length)
      const rows = all.map((one, i): Recipient => ({ type: 'recipient', ws, cmp, ordinal: before + i + 1, ...one }))
      const seen = new Set<string>()
      const once = rows.filter(({ xUserId }) => seen.size < seen.add(xUserId).size)
      const first = new Set(once)
      const twice = new Set(rows.filter((row) => !first.has(row)))
      for (let from = 0; from < once.length; from += chunkRows) {
        for (const row of await addChunk(ws, cmp, once.slice(from, from + chunkRows))) twice.add(row)
      }
      for (const row of rows) {
        if (twice.has(row)) added.duplicates.push(row.xUserId)
        else added[row.status === 'suppressed' ? 'suppressed' : 'pending']++
      }
      return added
    },

    async get(ws: string, cmp: string, ordinal: number): Promise<Recipient | undefined> {
      const Key = keys.recipient(ws, cmp, ordinal)
      const { Item } = await table.send(new GetCommand({ TableName, Key, ConsistentRead: true }))
      return Item as Recipient | undefined
    },

    /** In order of ordinals, from the one after `after`. */
    async list(ws: string, cmp: string, after: number, limit: number): Promise<Recipient[]> {
      const { pk, sk } = keys.recipient(ws, cmp, after + 1)
      const { Items = [] } = await table.send(
        new QueryCommand({
          TableName,
          KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
          ExpressionAttributeValues: { ':pk': pk, ':from': sk, ':to': 'RCP#~' },
          ConsistentRead: true,
          Limit: limit,
        }),
      )
      return Items as Recipient[]
    },

    /** Who may be written to next: the first `want` pending ones behind `cursor`. */
    async candidates(ws: string, cmp: string, cursor: number, want: number): Promise<Candidates> {
      const found: Candidates = { pending: [], settledTo: cursor }
      let whole = true
      for (let after = cursor; ; ) {
        const rows = await this.list(ws, cmp, after, page)
        for (const row of rows) {
          after = row.ordinal
          if (row.status === 'pending') found.pending.push(row)
          if (row.status === 'sending') found.claimed = row
          whole &&= row.status !== 'pending' && row.status !== 'sending'
          if (whole) found.settledTo = row.ordinal
          if (found.pending.length === want) return found
        }
        if (rows.length < page) return found
      }
    },

    /** Is anyone still pending or sending? Read from the recipients themselves, never from totals. */
    async unsettled(ws: string, cmp: string): Promise<boolean> {
      for await (const row of queryAll(table, TableName, keys.recipient(ws, cmp, 0).pk, 'RCP#')) {
        if (row.status === 'pending' || row.status === 'sending') return true
      }
      return false
    },
  }
}

export type Recipients = ReturnType<typeof createRecipients>
