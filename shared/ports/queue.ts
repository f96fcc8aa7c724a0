/** SQS: the only place that sends. */
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { env, type QueueName } from '../env.ts'

const longestDelaySeconds = 900

export interface Queue {
  /** `delaySeconds`: whole seconds from 0 to 900, what SQS takes. @throws RangeError on anything else. */
  send(queue: QueueName, body: object, delaySeconds?: number): Promise<void>
}

export function createQueue(): Queue {
  const endpoint = env.sqsEndpoint()
  const client = new SQSClient({ region: env.region(), ...(endpoint && { endpoint }) })
  return {
    async send(queue, body, delaySeconds = 0) {
      if (!Number.isInteger(delaySeconds) || delaySeconds < 0 || delaySeconds > longestDelaySeconds)
        throw new RangeError(`a delay of ${delaySeconds} s: SQS takes whole seconds from 0 to ${longestDelaySeconds}`)
      const MessageBody = JSON.stringify(body)
      await client.send(
        new SendMessageCommand({ QueueUrl: env.queueUrl(queue), MessageBody, DelaySeconds: delaySeconds }),
      )
    },
  }
}

/** What the `turns` queue carries: the n-th turn of an account. A stale n is dropped, so saying it twice is harmless. */
export interface TurnMessage {
  account: string
  n: number
}
