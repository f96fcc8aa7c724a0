/** Lambda's queue and schedule triggers on one machine: long polls and a timer in front of the same handlers. */
import { setTimeout as sleep } from 'node:timers/promises'
import { DeleteMessageCommand, type Message, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import type { SQSBatchResponse } from 'aws-lambda'
import { log, reasonOf } from '../shared/log.ts'

export interface Running {
  stop(): Promise<void>
}

// biome-ignore lint/suspicious/noExplicitAny: handlers take the event of their trigger, as Lambda gives it
export type Handler = (event: any) => Promise<unknown>

export interface PollerOptions {
  endpoint: string
  queueUrl: string
  batchSize: number
  /** How many batches may be worked on at the same time. */
  atOnce: number
  handler: Handler
}

/** A batch that was handled is deleted, less what the handler reports as failed; that comes back when it is visible. */
export function startPoller(options: PollerOptions): Running {
  const { queueUrl: QueueUrl, handler } = options
  const client = new SQSClient({ endpoint: options.endpoint, region: 'local' })
  const ending = new AbortController()

  async function handle(messages: Message[]): Promise<void> {
    const Records = messages.map(({ MessageId, Body, ReceiptHandle }) => ({
      messageId: MessageId,
      body: Body,
      receiptHandle: ReceiptHandle,
      attributes: {},
      messageAttributes: {},
      eventSource: 'aws:sqs',
    }))
    const answer = (await handler({ Records })) as SQSBatchResponse | undefined
    const failed = new Set(answer?.batchItemFailures?.map(({ itemIdentifier }) => itemIdentifier))
    for (const { MessageId, ReceiptHandle } of messages) {
      if (!failed.has(MessageId!)) await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
    }
  }

  async function poll(): Promise<void> {
    while (!ending.signal.aborted) {
      try {
        const receive = new ReceiveMessageCommand({
          QueueUrl,
          MaxNumberOfMessages: options.batchSize,
          WaitTimeSeconds: 20,
        })
        const { Messages = [] } = await client.send(receive, { abortSignal: ending.signal })
        if (Messages.length > 0) await handle(Messages)
      } catch (error) {
        if (ending.signal.aborted) return
        log('error', 'queue.failed', { reason: reasonOf(error) })
        await sleep(500)
      }
    }
  }

  const polls = Array.from({ length: options.atOnce }, poll)
  return {
    async stop() {
      ending.abort()
      await Promise.allSettled(polls)
      client.destroy()
    },
  }
}

/** Calls the handler now and then every `everyMs`, never twice at a time. */
export function startTimer(everyMs: number, handler: Handler): Running {
  let running: Promise<void> | undefined
  const tick = () => {
    running ??= handler({})
      .catch((error: unknown) => log('error', 'tick.failed', { reason: reasonOf(error) }))
      .then(() => {
        running = undefined
      })
  }
  tick()
  const timer = setInterval(tick, everyMs)
  return {
    async stop() {
      clearInterval(timer)
      await running
    },
  }
}
