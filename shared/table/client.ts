/** DynamoDB through the AWS SDK, for every function but the redirect (see signed.ts). */
import { setTimeout as sleep } from 'node:timers/promises'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient, TransactWriteCommand, type TransactWriteCommandInput } from '@aws-sdk/lib-dynamodb'
import { env } from '../env.ts'

export type Table = DynamoDBDocumentClient

/** Where `DYNAMODB_ENDPOINT` says, else the region's own service. One client per process is enough. */
export function createTable(): Table {
  const endpoint = env.dynamodbEndpoint()
  const client = new DynamoDBClient({ region: env.region(), maxAttempts: 4, ...(endpoint && { endpoint }) })
  return DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } })
}

/** Of a cancelled transaction, why, item by item (`None` where nothing was wrong); undefined of any other error. */
export function reasonsOf(error: unknown): string[] | undefined {
  const { name, CancellationReasons } = error as { name?: string; CancellationReasons?: { Code?: string }[] }
  if (name !== 'TransactionCanceledException') return undefined
  return (CancellationReasons ?? []).map(({ Code = 'None' }) => Code)
}

/** A condition that did not hold, alone or inside a transaction. */
export function isConditionFailed(error: unknown): boolean {
  if ((error as { name?: string }).name === 'ConditionalCheckFailedException') return true
  return reasonsOf(error)?.includes('ConditionalCheckFailed') ?? false
}

/** A write that need not happen when its condition does not hold: it was done before, or is not called for any more. */
export async function unlessRefused(write: Promise<unknown>): Promise<void> {
  try {
    await write
  } catch (error) {
    if (!isConditionFailed(error)) throw error
  }
}

export type TransactItem = NonNullable<TransactWriteCommandInput['TransactItems']>[number]

const mostTries = 8

/**
 * All of the items or none. Where two transactions meet on one item DynamoDB lets one give way (`TransactionConflict`),
 * which says nothing about the conditions: it is tried again, after 10 ms and up to 1 s.
 */
export async function transact(
  table: Table,
  TransactItems: TransactItem[],
  ClientRequestToken?: string,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await table.send(new TransactWriteCommand({ TransactItems, ...(ClientRequestToken && { ClientRequestToken }) }))
      return
    } catch (error) {
      const conflict = !isConditionFailed(error) && reasonsOf(error)?.includes('TransactionConflict')
      if (!conflict || tries === mostTries) throw error
      await sleep(Math.random() * 10 * 2 ** tries)
    }
  }
}

/** Runs `work` over `items`, at most `atOnce` at a time; the first failure stops it. */
export async function eachLimited<T>(
  items: Iterable<T>,
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]()
  let failed = false
  const worker = async () => {
    for (let next = iterator.next(); !next.done && !failed; next = iterator.next()) {
      await work(next.value).catch((error: unknown) => {
        failed = true
        throw error
      })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
