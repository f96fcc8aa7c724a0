/** Links, relays and suppressions: what the pages and the API read and write, through the SDK. */
import { DeleteCommand, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb'
import { env } from '../env.ts'
import type { Link, Relay, Suppression } from '../facts.ts'
import { isConditionFailed, type Table, transact, unlessRefused } from './client.ts'
import { keys } from './keys.ts'

const dayMs = 86_400_000

export function createLinks(table: Table) {
  const TableName = env.table('facts')

  return {
    async get(host: string, slug: string): Promise<Link | undefined> {
      const { Item } = await table.send(new GetCommand({ TableName, Key: keys.link(host, slug) }))
      return Item as Link | undefined
    },

    async create(link: Link): Promise<'created' | 'taken'> {
      const Item = { ...keys.link(link.host, link.slug), ...link }
      try {
        await table.send(new PutCommand({ TableName, Item, ConditionExpression: 'attribute_not_exists(pk)' }))
        return 'created'
      } catch (error) {
        if (isConditionFailed(error)) return 'taken'
        throw error
      }
    },

    /** The relay of `person` (their ask link's slug, or a visitor on somebody's relay link), if they pressed. */
    async relayOf(ws: string, cmp: string, person: string): Promise<Relay | undefined> {
      const { Item } = await table.send(
        new GetCommand({ TableName, Key: keys.relay(ws, cmp, person), ConsistentRead: true }),
      )
      return Item as Relay | undefined
    },

    /** Records a relay and mints its link, both or none. A second press finds the first one's link. */
    async recordRelay(person: string, relay: Relay, link: Link): Promise<Relay> {
      const Item = { ...keys.relay(relay.ws, relay.cmp, person), ...relay }
      const ConditionExpression = 'attribute_not_exists(pk)'
      const linkItem = { ...keys.link(link.host, link.slug), ...link }
      const TransactItems = [Item, linkItem].map((one) => ({ Put: { TableName, Item: one, ConditionExpression } }))
      try {
        await transact(table, TransactItems)
        return relay
      } catch (error) {
        const known = isConditionFailed(error) ? await this.relayOf(relay.ws, relay.cmp, person) : undefined
        if (known) return known
        throw error
      }
    },

    /**
     * At once and for good; saying it twice is saying it once. Of the time the day alone is kept: the moment would stand
     * beside the hit that led to the stop page.
     */
    async suppress(suppression: Suppression): Promise<void> {
      const at = Math.floor(suppression.at / dayMs) * dayMs
      const Item = { ...keys.suppression(suppression.ws, suppression.token), ...suppression, at }
      await unlessRefused(
        table.send(new PutCommand({ TableName, Item, ConditionExpression: 'attribute_not_exists(pk)' })),
      )
    },

    /** They asked to be written to again. */
    async unsuppress(ws: string, token: string): Promise<'removed' | 'absent'> {
      const Key = keys.suppression(ws, token)
      const { Attributes } = await table.send(new DeleteCommand({ TableName, Key, ReturnValues: 'ALL_OLD' }))
      return Attributes ? 'removed' : 'absent'
    },

    async isSuppressed(ws: string, token: string): Promise<boolean> {
      const { Item } = await table.send(new GetCommand({ TableName, Key: keys.suppression(ws, token) }))
      return Item !== undefined
    },
  }
}

export type Links = ReturnType<typeof createLinks>
