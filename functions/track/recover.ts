/**
 * Puts spilled hit blocks where they belong, if absent: a put that timed out may have happened. What cannot be read or
 * put stays in the queue, and in the end in its dead-letter queue.
 */
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda'
import { env } from '../../shared/env.ts'
import { log, reasonOf } from '../../shared/log.ts'
import { readBlock } from '../../shared/table/hits.ts'
import { createSignedClient, type SignedClient } from '../../shared/table/signed.ts'

export function createRecover(client: Pick<SignedClient, 'putItem'>, table: string) {
  async function recoverOne(record: SQSRecord): Promise<SQSBatchResponse['batchItemFailures']> {
    try {
      const block = readBlock(record.body)
      const outcome = await client.putItem(table, block, { ifAbsent: true })
      log('info', 'hits.recovered', { block: block.sk, outcome })
      return []
    } catch (error) {
      log('error', 'hits.not_recovered', { message: record.messageId, reason: reasonOf(error) })
      return [{ itemIdentifier: record.messageId }]
    }
  }

  return async function recover(event: SQSEvent): Promise<SQSBatchResponse> {
    return { batchItemFailures: (await Promise.all(event.Records.map(recoverOne))).flat() }
  }
}

let recover: ReturnType<typeof createRecover> | undefined

export const handler = (event: SQSEvent): Promise<SQSBatchResponse> => {
  const endpoint = env.dynamodbEndpoint()
  recover ??= createRecover(createSignedClient({ region: env.region(), endpoint }), env.table('facts'))
  return recover(event)
}
