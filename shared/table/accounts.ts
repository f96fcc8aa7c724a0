/** Workspaces, API keys, X accounts and their tokens, and secrets: the directory table. */
import { GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { env } from '../env.ts'
import { isConditionFailed, type Table } from './client.ts'
import { keys } from './keys.ts'
import { queryAll } from './totals.ts'

export interface Account {
  ws: string
  id: string
  /** On X. */
  xUserId: string
  handle: string
  createdAtWall: number
}

export interface ApiKey {
  ws: string
  id: string
  name: string
  /** `*` for all there is. */
  scopes: string[]
  createdAtWall: number
}

/** An account's OAuth tokens. Refresh tokens are single-use, so a refresh is claimed before it is tried. */
export interface StoredToken {
  /** Sealed by the vault with the account as context. */
  sealed: string
  /** Campaign time. */
  expiresAt: number
  version: number
  /** X does not take it any more, or may not: nothing is tried with it until a new one is stored. */
  reconnect?: boolean
  /** Wall clock until which somebody is refreshing. */
  refreshUntilWall?: number
}

export function createAccounts(table: Table) {
  const TableName = env.table('directory')

  return {
    async createWorkspace(ws: string, name: string, nowWall: number): Promise<void> {
      const Item = { ...keys.workspace(ws), id: ws, name, createdAtWall: nowWall }
      await table.send(new PutCommand({ TableName, Item, ConditionExpression: 'attribute_not_exists(pk)' }))
    },

    async putApiKey(sha256: string, apiKey: ApiKey): Promise<void> {
      const Item = { ...keys.apiKey(sha256), ...apiKey }
      await table.send(new PutCommand({ TableName, Item, ConditionExpression: 'attribute_not_exists(pk)' }))
    },

    async apiKey(sha256: string): Promise<ApiKey | undefined> {
      const { Item } = await table.send(new GetCommand({ TableName, Key: keys.apiKey(sha256) }))
      return Item as ApiKey | undefined
    },

    async putAccount(account: Account): Promise<void> {
      await table.send(new PutCommand({ TableName, Item: { ...keys.account(account.ws, account.id), ...account } }))
    },

    async account(ws: string, id: string): Promise<Account | undefined> {
      const { Item } = await table.send(new GetCommand({ TableName, Key: keys.account(ws, id) }))
      return Item as Account | undefined
    },

    async accounts(ws: string): Promise<Account[]> {
      const found: Account[] = []
      for await (const row of queryAll(table, TableName, keys.account(ws, '').pk, 'ACC#')) found.push(row as never)
      return found
    },

    async token(account: string): Promise<StoredToken | undefined> {
      const { Item } = await table.send(new GetCommand({ TableName, Key: keys.token(account), ConsistentRead: true }))
      return Item as StoredToken | undefined
    },

    /** Written whole; `was` is the version it replaces (0 for a first one). */
    async putToken(account: string, token: Omit<StoredToken, 'version'>, was: number): Promise<'stored' | 'changed'> {
      const Item = { ...keys.token(account), ...token, version: was + 1 }
      const condition =
        was === 0
          ? { ConditionExpression: 'attribute_not_exists(pk)' }
          : { ConditionExpression: 'version = :was', ExpressionAttributeValues: { ':was': was } }
      return once(table.send(new PutCommand({ TableName, Item, ...condition })), 'stored' as const, 'changed' as const)
    },

    /** Takes the right to refresh until `untilWall`; `busy` while somebody else holds it. */
    async lockRefresh(account: string, version: number, nowWall: number, untilWall: number) {
      const update = new UpdateCommand({
        TableName,
        Key: keys.token(account),
        UpdateExpression: 'SET refreshUntilWall = :until',
        ConditionExpression:
          'version = :version AND (attribute_not_exists(refreshUntilWall) OR refreshUntilWall < :now)',
        ExpressionAttributeValues: { ':until': untilWall, ':version': version, ':now': nowWall },
      })
      return once(table.send(update), 'locked' as const, 'busy' as const)
    },

    /** Until a new token is stored, nobody asks X with this one again. */
    async markReconnect(account: string, version: number): Promise<void> {
      const update = new UpdateCommand({
        TableName,
        Key: keys.token(account),
        UpdateExpression: 'SET reconnect = :yes',
        ConditionExpression: 'version = :version',
        ExpressionAttributeValues: { ':yes': true, ':version': version },
      })
      await once(table.send(update), undefined, undefined)
    },

    /** Makes the next use refresh first. */
    async expireToken(account: string, version: number): Promise<void> {
      const update = new UpdateCommand({
        TableName,
        Key: keys.token(account),
        UpdateExpression: 'SET expiresAt = :zero',
        ConditionExpression: 'version = :version',
        ExpressionAttributeValues: { ':zero': 0, ':version': version },
      })
      await once(table.send(update), undefined, undefined)
    },

    async secret(name: string): Promise<string | undefined> {
      const { Item } = await table.send(new GetCommand({ TableName, Key: keys.secret(name) }))
      return Item?.sealed as string | undefined
    },

    /** The first one stays. */
    async putSecret(name: string, sealed: string): Promise<void> {
      const put = new PutCommand({
        TableName,
        Item: { ...keys.secret(name), sealed },
        ConditionExpression: 'attribute_not_exists(pk)',
      })
      await once(table.send(put), undefined, undefined)
    },
  }
}

export type Accounts = ReturnType<typeof createAccounts>

async function once<A, B>(write: Promise<unknown>, done: A, refused: B): Promise<A | B> {
  try {
    await write
    return done
  } catch (error) {
    if (isConditionFailed(error)) return refused
    throw error
  }
}
