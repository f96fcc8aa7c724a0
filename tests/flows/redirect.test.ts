/** A tracked link over real HTTP, table and queue: what is answered, what is kept, and what a failing sink costs. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { PutCommand, paginateScan } from '@aws-sdk/lib-dynamodb'
import type { SQSEvent } from 'aws-lambda'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createRecover } from '../../functions/track/recover.ts'
import { wireRedirect } from '../../functions/track/redirect.ts'
import { createTables, type Dynamo, startDynamo } from '../../local/dynamo.ts'
import { createHttpServer } from '../../local/http.ts'
import { env } from '../../shared/env.ts'
import type { Hit, Link } from '../../shared/facts.ts'
import { newSlug } from '../../shared/id.ts'
import type { Clock } from '../../shared/ports/clock.ts'
import { createTable } from '../../shared/table/client.ts'
import { keys } from '../../shared/table/keys.ts'
import { createSignedClient } from '../../shared/table/signed.ts'
import { unpackBlock } from '../../shared/track/pack.ts'
import { type Engines, startEngines } from '../engines.ts'
import { type FaultyProxy, startFaultyProxy } from '../faulty-proxy.ts'

const host = '127.0.0.1:3000'
const agent = 'Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0'
const now = Date.UTC(2026, 8, 7, 8)
const clock: Clock = { wall: Date.now, campaign: () => now, wallMs: (ms) => ms }

let engines: Engines
let proxy: FaultyProxy
let server: Server
let base: string

beforeAll(async () => {
  engines = await startEngines({ PUBLIC_URL: `http://${host}` })
  proxy = await startFaultyProxy(engines.endpoint)
  ;({ server, base } = await serve())
})
afterAll(async () => {
  server.close()
  server.closeAllConnections()
  await proxy.stop()
  await engines.stop()
})
beforeEach(() => {
  proxy.seen = 0
})

/** The redirect as it is wired, its table behind the wire that fails on command. */
async function serve(more: Record<string, string> = {}) {
  const before = { ...process.env }
  Object.assign(process.env, { DYNAMODB_ENDPOINT: proxy.url }, more)
  const routes = [{ route: 'ANY /{slug}', handler: wireRedirect(clock) }]
  Object.assign(process.env, before)
  const server = createHttpServer({ routes, trustProxy: 1 })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { server, base: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

async function makeLink(more: Partial<Link> = {}): Promise<string> {
  const slug = newSlug()
  const link: Link = {
    type: 'link',
    ws: 'ws_1',
    host,
    slug,
    kind: 'relay',
    cmp: 'cmp_1',
    destination: 'https://example.org/article',
    createdAt: now,
    ...more,
  }
  const table = createTable()
  await table.send(new PutCommand({ TableName: env.table('facts'), Item: { ...keys.link(host, slug), ...link } }))
  table.destroy()
  return slug
}

interface Answer {
  status: number
  headers: Record<string, string>
  body: string
}

/** Not `fetch`, which sends a user agent and sec- headers of its own. */
function visit(path: string, headers: Record<string, string> = { 'user-agent': agent }, method = 'GET', at = base) {
  return new Promise<Answer>((resolve, reject) => {
    const sent = request(at + path, { method, headers: { host, ...headers } }, async (answer) => {
      const body = Buffer.concat(await answer.toArray()).toString()
      resolve({ status: answer.statusCode!, headers: answer.headers as Record<string, string>, body })
    })
    sent.on('error', reject).end()
  })
}

async function storedBlocks(slug: string) {
  const table = createTable()
  const blocks: { sk: string; hits: Hit[] }[] = []
  for await (const { Items = [] } of paginateScan({ client: table }, { TableName: env.table('facts') }))
    for (const item of Items) if (item.type === 'hits') blocks.push({ sk: String(item.sk), ...unpackBlock(item) })
  table.destroy()
  return blocks.filter(({ hits }) => hits.some((hit) => hit.s === slug))
}

const storedHits = async (slug: string) =>
  (await storedBlocks(slug)).flatMap(({ hits }) => hits).filter((hit) => hit.s === slug)

describe('what is answered', () => {
  test('a link leads to its destination, and nobody may keep the answer', async () => {
    const { status, headers } = await visit(`/${await makeLink()}`)
    expect(status).toBe(302)
    expect(headers).toMatchObject({
      location: 'https://example.org/article',
      'cache-control': 'private, no-store',
      'x-robots-tag': 'noindex',
    })
  })

  test('an ask link leads to its relay page; `via` tells the destination which link it was', async () => {
    const [ask, via] = [await makeLink({ kind: 'ask' }), await makeLink({ via: true })]
    expect((await visit(`/${ask}`)).headers.location).toBe(`/p/${ask}`)
    expect((await visit(`/${via}`)).headers.location).toBe(`https://example.org/article?via=${via}`)
  })

  test('there is no such link: 404, and for an odd path without a read', async () => {
    expect((await visit(`/${newSlug()}`)).status).toBe(404)
    expect(proxy.seen).toBe(1)
    for (const path of ['/favicon.ico', '/a.b', '/%2e%2e', '/v1', `/${'x'.repeat(65)}`])
      expect((await visit(path)).status).toBe(404)
    expect(proxy.seen).toBe(1)
  })

  test.each([{ disabledAt: now - 1 }, { erasedAt: now - 1 }, { expiresAt: now }])('%j: 410', async (more) => {
    const slug = await makeLink(more)
    const { status, body } = await visit(`/${slug}`, { 'accept-language': 'fr' })
    expect([status, body.includes('n’est plus actif')]).toEqual([410, true])
    expect(await storedHits(slug)).toEqual([])
  })

  test('anything but GET and HEAD: 405 that says so', async () => {
    const slug = await makeLink()
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const { status, headers } = await visit(`/${slug}`, {}, method)
      expect([status, headers.allow]).toEqual([405, 'GET, HEAD'])
    }
    expect(await storedHits(slug)).toEqual([])
  })

  test('a read that fails is never a 404: 503 and when to come back, then the link', async () => {
    const slug = await makeLink()
    proxy.faults.push('throttle', 'throttle')
    const { status, headers } = await visit(`/${slug}`)
    expect([status, headers['retry-after']]).toEqual([503, '5'])
    expect((await visit(`/${slug}`)).status).toBe(302)
  })
})

describe('what is kept', () => {
  test('each hit, before its visitor is answered, with its class', async () => {
    const slug = await makeLink()
    const kinds: [reason: string | undefined, headers: Record<string, string>, method?: string][] = [
      [undefined, { 'user-agent': agent }],
      ['method', { 'user-agent': agent }, 'HEAD'],
      ['prefetch', { 'user-agent': agent, 'sec-purpose': 'prefetch;prerender' }],
      ['crawler', { 'user-agent': 'Twitterbot/1.0' }],
      ['no_agent', {}],
    ]
    for (const [i, [reason, headers, method]] of kinds.entries()) {
      expect((await visit(`/${slug}`, headers, method)).status).toBe(302)
      const hits = await storedHits(slug)
      expect(hits).toHaveLength(i + 1)
      expect(hits.filter((hit) => hit.b === reason)).toHaveLength(1)
    }
    expect((await visit(`/${slug}?pa_me=1`)).status).toBe(302)
    expect((await storedHits(slug)).map((hit) => hit.b)).toContain('operator')
  })

  test('too soon after its message', async () => {
    const slug = await makeLink({ kind: 'ask', sentAt: now - 1000 })
    await visit(`/${slug}`)
    expect(await storedHits(slug)).toMatchObject([{ b: 'too_soon', w: now - 1000 }])
  })

  test('200 at once: 200 hits, in far fewer writes; a visitor is the address behind the proxy', async () => {
    const slug = await makeLink()
    await visit(`/${slug}`)
    proxy.seen = 0
    const visitors = Array.from({ length: 200 }, (_, i) => `198.51.100.${i % 50}`)
    const visits = visitors.map((ip) => visit(`/${slug}`, { 'user-agent': agent, 'x-forwarded-for': ip }))
    expect(new Set((await Promise.all(visits)).map(({ status }) => status))).toEqual(new Set([302]))
    const hits = (await storedHits(slug)).slice(-201)
    expect(hits).toHaveLength(201)
    expect(new Set(hits.map((hit) => hit.v)).size).toBe(51)
    expect(proxy.seen).toBeLessThan(50)
    expect(JSON.stringify(hits)).not.toContain('198.51.100')
  })
})

const sqs = () => new SQSClient({ endpoint: env.sqsEndpoint()!, region: 'local' })

async function spilled(): Promise<Message[]> {
  const receive = new ReceiveMessageCommand({ QueueUrl: env.queueUrl('spill'), MaxNumberOfMessages: 10 })
  return (await sqs().send(receive)).Messages ?? []
}

/** Hands the messages to recover.ts as Lambda does and deletes what it does not report; returns what it reports. */
async function recover(messages: Message[], endpoint = engines.endpoint): Promise<string[]> {
  const handle = createRecover(createSignedClient({ region: 'local', endpoint }), env.table('facts'))
  const Records = messages.map(({ MessageId, Body }) => ({ messageId: MessageId, body: Body }))
  const failed = (await handle({ Records } as SQSEvent)).batchItemFailures.map((one) => one.itemIdentifier)
  for (const { MessageId, ReceiptHandle } of messages)
    if (!failed.includes(MessageId!))
      await sqs().send(new DeleteMessageCommand({ QueueUrl: env.queueUrl('spill'), ReceiptHandle }))
  return failed
}

describe('when the table fails', () => {
  test('a block that was refused is spilled, and put once however often it is delivered', async () => {
    const slug = await makeLink()
    await visit(`/${slug}`)
    proxy.faults.push('throttle', 'throttle')
    expect((await visit(`/${slug}`)).status).toBe(302)
    expect(await storedHits(slug)).toHaveLength(1)
    const messages = await spilled()
    expect(messages).toHaveLength(1)
    expect(await recover([...messages, ...messages])).toEqual([])
    expect(await recover(messages)).toEqual([])
    expect(await storedHits(slug)).toHaveLength(2)
    const { sk } = JSON.parse(messages[0]!.Body!) as { sk: string }
    expect((await storedBlocks(slug)).map((block) => block.sk)).toContain(sk)
  })

  test('a put that happened unheard is not doubled', async () => {
    const slug = await makeLink()
    await visit(`/${slug}`)
    proxy.faults.push('lose_answer')
    expect((await visit(`/${slug}`)).status).toBe(302)
    expect(await storedHits(slug)).toHaveLength(2)
    const messages = await spilled()
    expect(messages).toHaveLength(1)
    expect(await recover(messages)).toEqual([])
    expect(await storedHits(slug)).toHaveLength(2)
  })

  test('what cannot be read, or not be put, stays in the queue', async () => {
    const MessageBody = '{"pk":"W#ws_1","sk":"CMP#cmp_1","type":"campaign"}'
    await sqs().send(new SendMessageCommand({ QueueUrl: env.queueUrl('spill'), MessageBody }))
    const messages = await spilled()
    expect(await recover(messages)).toEqual([messages[0]!.MessageId])
    const slug = await makeLink()
    await visit(`/${slug}`)
    proxy.faults.push('throttle', 'throttle')
    await visit(`/${slug}`)
    const [block] = await spilled()
    expect(await recover([block!], 'http://127.0.0.1:1')).toEqual([block!.MessageId])
    expect(await recover([block!])).toEqual([])
    expect(await storedHits(slug)).toHaveLength(2)
  })

  test('both sinks away: the visitor goes on, the hit is said to be untracked', async () => {
    const slug = await makeLink()
    const alone = await serve({ SPILL_QUEUE_URL: 'http://127.0.0.1:1/000000000000/nowhere' })
    await visit(`/${slug}`, { 'user-agent': agent }, 'GET', alone.base)
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    proxy.faults.push('throttle', 'throttle')
    const { status } = await visit(`/${slug}`, { 'user-agent': agent }, 'GET', alone.base)
    const lines = stderr.mock.calls.map(([line]) => String(line))
    stderr.mockRestore()
    alone.server.close()
    alone.server.closeAllConnections()
    expect(status).toBe(302)
    expect(lines.filter((line) => line.includes('"hit.untracked"'))).toEqual([expect.stringContaining('"count":1')])
    expect(await storedHits(slug)).toHaveLength(1)
  })
})

test('the engine stops in the middle of traffic: no visitor notices, no hit is lost or doubled', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'passalong-test-'))
  const usual = { endpoint: process.env.DYNAMODB_ENDPOINT!, target: proxy.target }
  let dynamo: Dynamo = await startDynamo({ dataDir })
  const use = () => {
    process.env.DYNAMODB_ENDPOINT = dynamo.endpoint
    proxy.target = dynamo.endpoint
  }
  try {
    use()
    await createTables(dynamo.endpoint)
    const slug = await makeLink()
    await visit(`/${slug}`)
    let answered = 1
    const traffic = async (visits: number) => {
      for (let i = 0; i < visits; i++) {
        expect((await visit(`/${slug}`)).status).toBe(302)
        answered++
      }
    }
    const visitors = Promise.all(Array.from({ length: 10 }, () => traffic(30)))
    await traffic(5)
    await dynamo.stop()
    await visitors
    await traffic(5)
    dynamo = await startDynamo({ dataDir })
    use()
    await traffic(5)
    expect(answered).toBe(316)
    let recovered = 0
    for (let messages = await spilled(); messages.length > 0; messages = await spilled()) {
      expect(await recover(messages, dynamo.endpoint)).toEqual([])
      recovered += messages.length
    }
    expect(recovered).toBeGreaterThan(0)
    expect(await storedHits(slug)).toHaveLength(answered)
  } finally {
    process.env.DYNAMODB_ENDPOINT = usual.endpoint
    proxy.target = usual.target
    await dynamo.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
})
