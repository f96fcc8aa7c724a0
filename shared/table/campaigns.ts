/** Campaigns and what waits for its time. A change of state is one conditional write: two cannot both succeed. */
import { DeleteCommand, GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb'
import { env } from '../env.ts'
import type { Campaign, CampaignState } from '../facts.ts'
import { isConditionFailed, type Table, type TransactItem, transact } from './client.ts'
import { keys } from './keys.ts'
import { queryAll } from './totals.ts'

/** What the minute tick does when its time has come. */
export type AgendaAction = 'start' | 'complete'

export interface AgendaEntry {
  at: number
  action: AgendaAction
  ws: string
  cmp: string
}

/** Fields a change of state may set; `undefined` removes. */
export interface CampaignPatch {
  launchAt?: number | undefined
  startedAt?: number | undefined
  sentDoneAt?: number | undefined
  completedAt?: number | undefined
  pausedReason?: string | undefined
}

export function createCampaigns(table: Table) {
  const facts = env.table('facts')
  const directory = env.table('directory')

  /** Everything a change of state writes beside the campaign itself. */
  function beside(campaign: Campaign, to: CampaignState): TransactItem[] {
    const { ws, id, account } = campaign
    const run = keys.run(account, id)
    // The account walks its RUN items: one is there exactly while the campaign has messages to send.
    if (to === 'sending' && campaign.state !== 'paused')
      return [{ Put: { TableName: directory, Item: { ...run, ws, cmp: id, cursor: 0, lastTurn: 0 } } }]
    if (to === 'tracking' || to === 'cancelled') return [{ Delete: { TableName: directory, Key: run } }]
    return []
  }

  function patchExpression(patch: CampaignPatch) {
    const entries = Object.entries(patch)
    const set = entries.filter(([, value]) => value !== undefined)
    const remove = entries.filter(([, value]) => value === undefined)
    return {
      set: set.map(([name]) => `, #${name} = :${name}`).join(''),
      remove: remove.length > 0 ? ` REMOVE ${remove.map(([name]) => `#${name}`).join(', ')}` : '',
      names: Object.fromEntries(entries.map(([name]) => [`#${name}`, name])),
      values: Object.fromEntries(set.map(([name, value]) => [`:${name}`, value])),
    }
  }

  return {
    async create(campaign: Campaign): Promise<void> {
      const Item = { ...keys.campaign(campaign.ws, campaign.id), ...campaign }
      await table.send(new PutCommand({ TableName: facts, Item, ConditionExpression: 'attribute_not_exists(pk)' }))
    },

    async get(ws: string, id: string): Promise<Campaign | undefined> {
      const { Item } = await table.send(
        new GetCommand({ TableName: facts, Key: keys.campaign(ws, id), ConsistentRead: true }),
      )
      return Item as Campaign | undefined
    },

    /** Newest first. */
    async list(ws: string, limit: number, before?: string): Promise<Campaign[]> {
      const { pk, sk } = keys.campaign(ws, before ?? '~')
      const { Items = [] } = await table.send(
        new QueryCommand({
          TableName: facts,
          KeyConditionExpression: 'pk = :pk AND sk BETWEEN :first AND :before',
          ExpressionAttributeValues: { ':pk': pk, ':first': 'CMP#', ':before': sk },
          ScanIndexForward: false,
          Limit: limit + 1,
        }),
      )
      return (Items as Campaign[]).filter((campaign) => campaign.id !== before).slice(0, limit)
    },

    /** Moves a campaign on at campaign time `at`, if nobody did since it was read. The agenda changes with it. */
    async move(
      campaign: Campaign,
      to: CampaignState,
      at: number,
      patch: CampaignPatch = {},
      agenda: { add?: AgendaEntry; remove?: AgendaEntry } = {},
    ): Promise<'moved' | 'changed'> {
      const { set, remove, names, values } = patchExpression(patch)
      const update = {
        Update: {
          TableName: facts,
          Key: keys.campaign(campaign.ws, campaign.id),
          UpdateExpression: `SET #state = :to, movedAt = :at, version = version + :one${set}${remove}`,
          ConditionExpression: '#state = :from AND version = :version',
          ExpressionAttributeNames: { '#state': 'state', ...names },
          ExpressionAttributeValues: {
            ':to': to,
            ':at': at,
            ':from': campaign.state,
            ':one': 1,
            ':version': campaign.version,
            ...values,
          },
        },
      }
      const { add, remove: drop } = agenda
      const TransactItems: TransactItem[] = [update, ...beside(campaign, to)]
      if (add) TransactItems.push({ Put: { TableName: facts, Item: { ...agendaKey(add), ...add } } })
      if (drop) TransactItems.push({ Delete: { TableName: facts, Key: agendaKey(drop) } })
      try {
        await transact(table, TransactItems)
        return 'moved'
      } catch (error) {
        if (isConditionFailed(error)) return 'changed'
        throw error
      }
    },

    /** What is due at `now`, oldest first. */
    async due(now: number): Promise<AgendaEntry[]> {
      const { pk, sk } = keys.agenda(now + 1, '', '')
      const { Items = [] } = await table.send(
        new QueryCommand({
          TableName: facts,
          KeyConditionExpression: 'pk = :pk AND sk < :sk',
          ExpressionAttributeValues: { ':pk': pk, ':sk': sk },
          ConsistentRead: true,
        }),
      )
      return Items as AgendaEntry[]
    },

    /** Takes an entry off the agenda that has nothing left to do. */
    async forget(entry: AgendaEntry): Promise<void> {
      await table.send(new DeleteCommand({ TableName: facts, Key: agendaKey(entry) }))
    },

    /** Campaigns an account is sending, paused ones among them. */
    async runs(account: string): Promise<Run[]> {
      const runs: Run[] = []
      const { pk } = keys.run(account, '')
      for await (const row of queryAll(table, directory, pk, 'RUN#', true)) runs.push(row as unknown as Run)
      return runs
    },
  }
}

export interface Run {
  ws: string
  cmp: string
  /** Every recipient up to this ordinal is settled. */
  cursor: number
  /** The account's turn that last served this campaign: the least recently served goes first. */
  lastTurn: number
}

export type Campaigns = ReturnType<typeof createCampaigns>

export const agendaKey = (entry: AgendaEntry) => keys.agenda(entry.at, entry.ws, entry.cmp)
