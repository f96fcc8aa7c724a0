/** SQS on one machine: fauxqs in this process, its messages in a SQLite file, the queues of the topology. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startFauxqs } from 'fauxqs'
import type { QueueName } from '../shared/env.ts'
import { queues } from '../shared/topology.ts'

export interface Queues {
  endpoint: string
  urls: Record<QueueName, string>
  stop(): Promise<void>
}

export async function startQueues(options: { dataDir: string }): Promise<Queues> {
  const dataDir = join(options.dataDir, 'queues')
  mkdirSync(dataDir, { recursive: true })
  const server = await startFauxqs({ port: 0, host: '127.0.0.1', logger: false, defaultRegion: 'local', dataDir })
  const urls = {} as Record<QueueName, string>
  for (const [name, spec] of Object.entries(queues) as [QueueName, (typeof queues)[QueueName]][]) {
    const dead = server.createQueue(`passalong-${name}-dead`)
    server.createQueue(`passalong-${name}`, {
      attributes: {
        VisibilityTimeout: String(spec.visibilitySeconds),
        RedrivePolicy: JSON.stringify({
          deadLetterTargetArn: dead.queueArn,
          maxReceiveCount: String(spec.maxReceives),
        }),
      },
    })
    urls[name] = `${server.address}/000000000000/passalong-${name}`
  }
  return { endpoint: server.address, urls, stop: () => server.stop() }
}

export function queueEnv(queues: Queues): Record<string, string> {
  const urls = Object.entries(queues.urls).map(([name, url]) => [`${name.toUpperCase()}_QUEUE_URL`, url])
  return { SQS_ENDPOINT: queues.endpoint, ...Object.fromEntries(urls) }
}
