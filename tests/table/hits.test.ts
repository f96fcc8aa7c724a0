import { GetCommand, paginateQuery } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { env } from '../../shared/env.ts'
import type { Hit } from '../../shared/facts.ts'
import { createTable, type Table } from '../../shared/table/client.ts'
import { createHitWriter, type HitScope, readBlock, type StoredBlock } from '../../shared/table/hits.ts'
import { hitLanes, keys } from '../../shared/table/keys.ts'
import { createSignedClient } from '../../shared/table/signed.ts'
import { classVersion } from '../../shared/track/classify.ts'
import { unpackBlock } from '../../shared/track/pack.ts'
import { type Engines, startEngines } from '../engines.ts'

const wallNow = Date.UTC(2026, 10, 24)
const scopeOf = (cmp: string): HitScope => ({ ws: 'ws_hits', cmp, windowMs: 259_200_000, host: 'h.example' })
const hit = (n: number, more: Partial<Hit> = {}): Hit => ({
  t: wallNow + n,
  s: `slug${n}`,
  k: 'relay',
  v: `v${n}`,
  ...more,
})

let engines: Engines
let table: Table
let spilled: StoredBlock[]
let untracked: number[]

beforeAll(async () => {
  engines = await startEngines()
  table = createTable()
})
afterAll(async () => {
  table.destroy()
  await engines.stop()
})
beforeEach(() => {
  spilled = []
  untracked = []
})

const client = () => createSignedClient({ region: 'local', endpoint: engines.endpoint })
const away = () => Promise.reject(new Error('away'))

function writer(put: (block: StoredBlock) => Promise<unknown>, spill?: (block: StoredBlock) => Promise<unknown>) {
  return createHitWriter({
    put,
    spill: spill ?? (async (block) => spilled.push(block)),
    wall: () => wallNow,
    onUntracked: (count) => untracked.push(count),
  })
}

async function storedBlocks(cmp: string) {
  const blocks: StoredBlock[] = []
  for (let lane = 0; lane < hitLanes; lane++) {
    const { pk } = keys.hits('ws_hits', cmp, lane, 0, '')
    const query = {
      TableName: env.table('facts'),
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': pk },
    }
    for await (const page of paginateQuery({ client: table }, query))
      blocks.push(...((page.Items ?? []) as StoredBlock[]))
  }
  return blocks
}

const slugs = (blocks: object[]) => blocks.flatMap((block) => unpackBlock(block).hits.map((one) => one.s))

describe('group commit', () => {
  test('1,000 hits at once: each stored once, in few blocks of at most 64', async () => {
    const { write } = writer((block) => client().putItem(env.table('facts'), block))
    const outcomes = await Promise.all(Array.from({ length: 1000 }, (_, n) => write(scopeOf('many'), hit(n))))
    expect(new Set(outcomes)).toEqual(new Set(['stored']))
    const blocks = await storedBlocks('many')
    expect(slugs(blocks).sort()).toEqual(Array.from({ length: 1000 }, (_, n) => `slug${n}`).sort())
    expect(blocks.length).toBe(Math.ceil(1000 / 64))
    expect(new Set(blocks.map((block) => block.pk)).size).toBeGreaterThan(8)
  })

  test('nobody is answered before their block is stored', async () => {
    const order: string[] = []
    let release = () => {}
    const { write } = writer(async (block) => {
      await new Promise<void>((resolve) => {
        release = resolve
      })
      order.push(`stored ${unpackBlock(block).hits.length}`)
    })
    const first = write(scopeOf('order'), hit(1)).then(() => order.push('answered 1'))
    while (order.length === 0) {
      await new Promise(setImmediate)
      release()
    }
    await first
    expect(order).toEqual(['stored 1', 'answered 1'])
  })

  test('long hits make smaller blocks: never above 64 kB', async () => {
    const sizes: number[] = []
    const { write } = writer(async (block) => sizes.push(Buffer.byteLength(JSON.stringify(block))))
    const long = (n: number) => hit(n, { ua: `é${'x'.repeat(254)}${n % 10}`, s: 's'.repeat(500) })
    await Promise.all(Array.from({ length: 300 }, (_, n) => write(scopeOf('long'), long(n))))
    expect(Math.max(...sizes)).toBeLessThanOrEqual(64_000)
    expect(sizes.length).toBeGreaterThan(Math.ceil(300 / 64))
  })

  test('scopes are never mixed', async () => {
    const blocks: StoredBlock[] = []
    const { write } = writer(async (block) => blocks.push(block))
    const plain: HitScope = { ws: 'ws_hits', host: 'h.example' }
    await Promise.all([write(scopeOf('one'), hit(1)), write(scopeOf('two'), hit(2)), write(plain, hit(3))])
    expect(blocks.map((block) => [block.cmp, slugs([block])])).toEqual([
      ['one', ['slug1']],
      ['two', ['slug2']],
      [undefined, ['slug3']],
    ])
    expect(blocks[2]!.pk).toMatch(/^H#ws_hits##\d+$/)
  })
})

test('the SDK reads a block as the fact it is', async () => {
  const full = hit(1, {
    b: 'crawler',
    o: 1,
    w: 5,
    g: 2,
    sg: { lang: 'fr' },
    ua: `it's "a\\b" é`,
    r: 't.co',
    co: 'FR',
    la: 'fr',
  })
  const { write } = writer((block) => client().putItem(env.table('facts'), block))
  await Promise.all([full, hit(2)].map((one) => write(scopeOf('sdk'), one)))
  const [block] = await storedBlocks('sdk')
  const { pk, sk } = block!
  const { Item } = await table.send(new GetCommand({ TableName: env.table('facts'), Key: { pk, sk } }))
  expect(unpackBlock(Item!)).toEqual({
    pk,
    sk,
    ttl: wallNow / 1000 + 400 * 86_400,
    type: 'hits',
    ...scopeOf('sdk'),
    cv: classVersion,
    hits: [full, hit(2)],
  })
})

test('a block of one costs one unit, with all its fields and a long user agent', async () => {
  const units: number[] = []
  const counting = createSignedClient({
    region: 'local',
    endpoint: engines.endpoint,
    onCapacity: (used) => units.push(used),
  })
  const { write } = writer((block) => counting.putItem(env.table('facts'), block))
  const scope = { ...scopeOf('cmp_0R9tTtTt12345678901a'), ws: 'ws_0R9tTtTt12345678901a', host: 'relais.example.org' }
  const sg = { lang: 'fr', tier: '100-999' } as const
  const own = { v: '0123456789abcdef', o: 1, w: wallNow, g: 1, sg, ua: 'x'.repeat(256) } as const
  await write(scope, hit(1, { ...own, s: 'aZ09bY18cX', r: 'www.linkedin.example', co: 'FR', la: 'fr' }))
  expect(units).toEqual([1])
})

describe('when a sink fails', () => {
  test('a refused block is spilled under its own key', async () => {
    const tried: StoredBlock[] = []
    const { write } = writer((block) => {
      tried.push(block)
      return away()
    })
    expect(await write(scopeOf('spill'), hit(1))).toBe('spilled')
    expect(spilled).toEqual(tried)
    expect(readBlock(JSON.stringify(spilled[0]))).toEqual(tried[0])
  })

  test('with both away every hit is reported untracked, once', async () => {
    const { write } = writer(away, away)
    const outcomes = await Promise.all(Array.from({ length: 100 }, (_, n) => write(scopeOf('lost'), hit(n))))
    expect(new Set(outcomes)).toEqual(new Set(['untracked']))
    expect(untracked.reduce((sum, count) => sum + count, 0)).toBe(100)
  })

  test('a failure is over with its block', async () => {
    let failures = 1
    const { write } = writer(async () => {
      if (failures-- > 0) throw new Error('away')
    })
    expect(await write(scopeOf('again'), hit(1))).toBe('spilled')
    expect(await write(scopeOf('again'), hit(2))).toBe('stored')
  })
})

test.each([
  '',
  'null',
  '{}',
  '{"pk":"H#a##1","sk":"1","type":"hits"}',
  '{"pk":"W#a","sk":"1","type":"hits","hits":"[]"}',
])('no hit block: %s', (text) => expect(() => readBlock(text)).toThrow())
