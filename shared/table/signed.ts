/**
 * DynamoDB and SQS over signed plain HTTP, for the redirect path alone: the AWS SDK is ten times its size and costs
 * several times the CPU per call.
 *
 *     const client = createSignedClient({ region: 'eu-west-3' })
 *     await client.putItem('passalong-facts', block)
 *
 * A call is tried once more after a throttle, a 5xx or a stale connection (each call is safe to repeat), never after a
 * timeout: a visitor is waiting, and there is another sink. Whatever fails is `Fault('unavailable')`.
 */
import { Fault } from '../fault.ts'
import type { Key } from './keys.ts'
import { type Call, createPost, type Outcome } from './signed-post.ts'
import { type Item, marshallItem, unmarshallItem, type WireItem } from './wire.ts'

export interface SignedClient {
  /** Strongly consistent: a link works from the moment its making was answered. */
  getItem(table: string, key: Key): Promise<Item | undefined>
  /** `present`: with `ifAbsent`, the key was taken and nothing was written. */
  putItem(table: string, item: Key, options?: { ifAbsent?: boolean }): Promise<'stored' | 'present'>
  sendMessage(queueUrl: string, body: string): Promise<void>
}

export interface SignedOptions {
  region: string
  /** Of DynamoDB; without it, the region's own. SQS is where a queue's URL says. */
  endpoint?: string | undefined
  /** On the wall, for one try. */
  timeoutMs?: number
  /** Asks for the consumed capacity of every table call and hands it over. */
  onCapacity?: (units: number) => void
}

interface Reply {
  Item?: WireItem
  ConsumedCapacity?: { CapacityUnits: number }
}

export function createSignedClient(options: SignedOptions): SignedClient {
  const { region, endpoint = `https://dynamodb.${region}.amazonaws.com`, timeoutMs = 1000, onCapacity } = options
  const post = createPost(region, timeoutMs)

  async function dynamodb(action: string, input: object): Promise<Reply | 'present'> {
    const body = JSON.stringify(onCapacity ? { ...input, ReturnConsumedCapacity: 'TOTAL' } : input)
    const call: Call = { origin: endpoint, service: 'dynamodb', target: `DynamoDB_20120810.${action}`, body }
    const outcome = await postTwice(post, call)
    if (errorType(outcome) === 'ConditionalCheckFailedException') return 'present'
    const reply = JSON.parse(bodyOf(call, outcome)) as Reply
    if (reply.ConsumedCapacity) onCapacity?.(reply.ConsumedCapacity.CapacityUnits)
    return reply
  }

  return {
    async getItem(table, { pk, sk }) {
      const reply = await dynamodb('GetItem', { TableName: table, Key: marshallItem({ pk, sk }), ConsistentRead: true })
      return reply !== 'present' && reply.Item ? unmarshallItem(reply.Item) : undefined
    },
    async putItem(table, item, { ifAbsent = false } = {}) {
      const condition = ifAbsent && { ConditionExpression: 'attribute_not_exists(pk)' }
      const reply = await dynamodb('PutItem', { TableName: table, Item: marshallItem(item), ...condition })
      return reply === 'present' ? 'present' : 'stored'
    },
    async sendMessage(queueUrl, text) {
      const body = JSON.stringify({ QueueUrl: queueUrl, MessageBody: text })
      const call: Call = { origin: new URL(queueUrl).origin, service: 'sqs', target: 'AmazonSQS.SendMessage', body }
      bodyOf(call, await postTwice(post, call))
    },
  }
}

const throttled = /Throttl|ProvisionedThroughputExceeded|RequestLimitExceeded/

async function postTwice(post: (call: Call) => Promise<Outcome>, call: Call): Promise<Outcome> {
  const outcome = await post(call)
  if (outcome.kind === 'lost') return outcome.stale ? post(call) : outcome
  if (outcome.status < 500 && !throttled.test(errorType(outcome) ?? '')) return outcome
  const waitMs = 20 + Math.random() * 40
  await new Promise((resolve) => setTimeout(resolve, waitMs))
  return post(call)
}

/** `ThrottlingException` of `com.amazonaws.dynamodb.v20120810#ThrottlingException`. */
function errorType(outcome: Outcome): string | undefined {
  if (outcome.kind === 'lost' || outcome.status === 200) return undefined
  return /"__type"\s*:\s*"(?:[^"#]*#)?([^"]+)"/.exec(outcome.body)?.[1] ?? `status ${outcome.status}`
}

function bodyOf(call: Call, outcome: Outcome): string {
  if (outcome.kind === 'answered' && outcome.status === 200) return outcome.body
  throw new Fault('unavailable', `${call.target}: ${outcome.kind === 'lost' ? outcome.reason : errorType(outcome)}`)
}
