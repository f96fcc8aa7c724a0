/**
 * DynamoDB and SQS over signed plain HTTP, for the redirect path alone: the AWS SDK is ten times its size and costs
 * five times the CPU per call.
 *
 *     const client = createSignedClient({ region: 'eu-west-3' })
 *     await client.putItem('passalong-facts', block)
 *
 * A call is tried a second time after a throttle, a 5xx or a stale connection (each call is safe to repeat), never
 * after a timeout: the visitor is waiting, and there is another sink. Whatever fails is `Fault('unavailable')`.
 */
import { Agent as HttpAgent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import aws4 from 'aws4'
import { Fault } from '../fault.ts'
import type { Key } from './keys.ts'
import { type Item, marshallItem, unmarshallItem, type WireItem } from './wire.ts'

export interface SignedClient {
  /** Strongly consistent: a link works from the moment its making was answered. */
  getItem(table: string, key: Key): Promise<Item | undefined>
  /** `present`: with `ifAbsent`, the key was taken and nothing was written. */
  putItem(table: string, item: Key & object, options?: { ifAbsent?: boolean }): Promise<'stored' | 'present'>
  sendMessage(queueUrl: string, body: string): Promise<void>
}

export interface SignedOptions {
  region: string
  /** Of DynamoDB; without it, the region's own. SQS is where the queue's URL says. */
  endpoint?: string | undefined
  /** On the wall, for one try. */
  timeoutMs?: number
  /** Asks for the consumed capacity of each call and hands it over. */
  onCapacity?: (units: number) => void
}

interface Call {
  origin: string
  service: 'dynamodb' | 'sqs'
  target: string
  body: string
}

interface Answer {
  status: number
  body: string
}

const conditionFailed = 'ConditionalCheckFailedException'
const throttled = /Throttl|ProvisionedThroughputExceeded|RequestLimitExceeded/

export function createSignedClient(options: SignedOptions): SignedClient {
  const { region, endpoint = `https://dynamodb.${region}.amazonaws.com`, timeoutMs = 1000, onCapacity } = options
  const send = createSender(region, timeoutMs)
  const asked = onCapacity && { ReturnConsumedCapacity: 'TOTAL' }

  async function dynamodb(action: string, input: object): Promise<Record<string, unknown>> {
    const body = JSON.stringify({ ...input, ...asked })
    const answer = await call(send, { origin: endpoint, service: 'dynamodb', target: `DynamoDB_20120810.${action}`, body })
    onCapacity?.((answer.ConsumedCapacity as { CapacityUnits: number }).CapacityUnits)
    return answer
  }

  return {
    async getItem(table, key) {
      const Key = marshallItem({ pk: key.pk, sk: key.sk })
      const answer = await dynamodb('GetItem', { TableName: table, Key, ConsistentRead: true })
      return answer.Item && unmarshallItem(answer.Item as WireItem)
    },
    async putItem(table, item, { ifAbsent = false } = {}) {
      const condition = ifAbsent && { ConditionExpression: 'attribute_not_exists(pk)' }
      try {
        await dynamodb('PutItem', { TableName: table, Item: marshallItem(item), ...condition })
        return 'stored'
      } catch (error) {
        if (error instanceof Fault && error.detail === conditionFailed) return 'present'
        throw error
      }
    },
    async sendMessage(queueUrl, body) {
      const input = JSON.stringify({ QueueUrl: queueUrl, MessageBody: body })
      await call(send, { origin: new URL(queueUrl).origin, service: 'sqs', target: 'AmazonSQS.SendMessage', body: input })
    },
  }
}
