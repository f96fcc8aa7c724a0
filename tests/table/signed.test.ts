import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { env } from '../../shared/env.ts'
import { createTable, type Table } from '../../shared/table/client.ts'
import { createSignedClient } from '../../shared/table/signed.ts'
import { type Engines, startEngines } from '../engines.ts'
import { type FaultyProxy, startFaultyProxy } from '../faulty-proxy.ts'

let engines: Engines
let proxy: FaultyProxy
let sdk: Table
let facts: string

beforeAll(async () => {
  engines = await startEngines()
  proxy = await startFaultyProxy(engines.endpoint)
  sdk = createTable()
  facts = env.table('facts')
})
afterAll(async () => {
  sdk.destroy()
  await proxy.stop()
  await engines.stop()
})
beforeEach(() => {
  proxy.seen = 0
  proxy.faults.length = 0
})

const signed = (options = {}) => createSignedClient({ region: 'local', endpoint: engines.endpoint, ...options })
const wired = (options = {}) => signed({ endpoint: proxy.url, ...options })

const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'grapheme' }),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: 1e-9, max: 1e12 }),
    fc.boolean(),
    fc.uniqueArray(fc.integer(), { minLength: 1, maxLength: 5 }).map((numbers) => new Set(numbers)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value

describe('what one client writes the other reads', () => {
  test('signed writes, the SDK reads; the SDK writes, signed reads', async () => {
    await fc.assert(
      fc.asyncProperty(value, fc.uuid(), async (content, id) => {
        const item = { pk: 'P#wire', sk: id, content }
        await signed().putItem(facts, item)
        expect((await sdk.send(new GetCommand({ TableName: facts, Key: { pk: item.pk, sk: id } }))).Item).toEqual(item)
        await sdk.send(new PutCommand({ TableName: facts, Item: { ...item, sk: `${id}.sdk` } }))
        expect(await signed().getItem(facts, { pk: item.pk, sk: `${id}.sdk` })).toEqual({ ...item, sk: `${id}.sdk` })
      }),
      { numRuns: 60 },
    )
  })

  test('undefined is dropped, null is refused', async () => {
    await signed().putItem(facts, { pk: 'P#drop', sk: '1', gone: undefined, kept: [1, undefined, 2] } as never)
    expect(await signed().getItem(facts, { pk: 'P#drop', sk: '1' })).toEqual({ pk: 'P#drop', sk: '1', kept: [1, 2] })
    await expect(signed().putItem(facts, { pk: 'P#drop', sk: '2', bad: null } as never)).rejects.toThrow('null')
  })

  test('an item that is not there is undefined', async () => {
    expect(await signed().getItem(facts, { pk: 'P#none', sk: '1' })).toBeUndefined()
  })
})

test('if absent: the first is stored, the second leaves it as it was', async () => {
  const item = { pk: 'P#absent', sk: '1', n: 1 }
  expect(await signed().putItem(facts, item, { ifAbsent: true })).toBe('stored')
  expect(await signed().putItem(facts, { ...item, n: 2 } as never, { ifAbsent: true })).toBe('present')
  expect(await signed().getItem(facts, item)).toEqual(item)
})

test('capacity is counted when asked for', async () => {
  const units: number[] = []
  const client = signed({ onCapacity: (used: number) => units.push(used) })
  await client.putItem(facts, { pk: 'P#units', sk: '1', text: 'x'.repeat(2500) } as never)
  await client.getItem(facts, { pk: 'P#units', sk: '1' })
  expect(units).toEqual([3, 1])
})

test('a message arrives as it was sent', async () => {
  const body = JSON.stringify({ words: 'déjà "vu" \\ …' })
  await signed().sendMessage(env.queueUrl('spill'), body)
  const sqs = new SQSClient({ endpoint: env.sqsEndpoint()!, region: 'local' })
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: env.queueUrl('spill') }))
  sqs.destroy()
  expect(Messages?.map((message) => message.Body)).toEqual([body])
})

describe('when the wire fails', () => {
  const item = { pk: 'P#faults', sk: '1' }

  test.each(['throttle', 'server_error'] as const)('one %s is tried again', async (fault) => {
    proxy.faults.push(fault)
    expect(await wired().putItem(facts, item)).toBe('stored')
    expect(proxy.seen).toBe(2)
  })

  test('two throttles are not', async () => {
    proxy.faults.push('throttle', 'throttle')
    await expect(wired().putItem(facts, item)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('ThrottlingException'),
    })
    expect(proxy.seen).toBe(2)
  })

  test('a kept connection that was closed is opened again', async () => {
    const client = wired()
    await client.putItem(facts, item)
    proxy.faults.push('reset')
    expect(await client.putItem(facts, item)).toBe('stored')
    expect(proxy.seen).toBe(3)
  })

  test('a lost answer ends at the deadline, without a second try', async () => {
    proxy.faults.push('lose_answer')
    const startedAt = performance.now()
    await expect(wired({ timeoutMs: 150 }).putItem(facts, item)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('no answer in 150 ms'),
    })
    expect(performance.now() - startedAt).toBeLessThan(1000)
    expect(proxy.seen).toBe(1)
  })

  test('no table by that name, nobody listening: unavailable, and why', async () => {
    await expect(signed().getItem('passalong-nowhere', item)).rejects.toThrow('ResourceNotFoundException')
    await expect(signed({ endpoint: 'http://127.0.0.1:1' }).getItem(facts, item)).rejects.toThrow('ECONNREFUSED')
  })
})

test('credentials are read at each call, as Lambda rotates them', async () => {
  const { createServer } = await import('node:http')
  const seen: (string | undefined)[] = []
  const server = createServer((request, response) => {
    seen.push(/Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1])
    seen.push(request.headers['x-amz-security-token'] as string | undefined)
    response.end('{}')
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address() as { port: number }
  const client = signed({ endpoint: `http://127.0.0.1:${address.port}` })
  const before = process.env.AWS_ACCESS_KEY_ID
  await client.getItem(facts, { pk: 'a', sk: 'b' })
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'rotated', AWS_SESSION_TOKEN: 'token' })
  await client.getItem(facts, { pk: 'a', sk: 'b' })
  process.env.AWS_ACCESS_KEY_ID = before
  delete process.env.AWS_SESSION_TOKEN
  server.close()
  server.closeAllConnections()
  expect(seen).toEqual([before, undefined, 'rotated', 'token'])
})
