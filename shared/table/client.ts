/** DynamoDB through the AWS SDK, for every function but the redirect (see signed.ts). */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { env } from '../env.ts'

export type Table = DynamoDBDocumentClient

/** Where `DYNAMODB_ENDPOINT` says, else the region's own service. One client per process is enough. */
export function createTable(): Table {
  const endpoint = env.dynamodbEndpoint()
  const client = new DynamoDBClient({ region: env.region(), maxAttempts: 4, ...(endpoint && { endpoint }) })
  return DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } })
}

/** The name DynamoDB gives a condition that did not hold, alone or inside a transaction. */
export function isConditionFailed(error: unknown): boolean {
  const { name, CancellationReasons } = error as { name?: string; CancellationReasons?: { Code?: string }[] }
  if (name === 'ConditionalCheckFailedException') return true
  return (
    name === 'TransactionCanceledException' &&
    (CancellationReasons ?? []).some((reason) => reason.Code === 'ConditionalCheckFailed')
  )
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
