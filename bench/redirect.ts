/**
 * The complete redirect (lookup, class, visitor hash, durable write) ÷ a bare `node:http` 302, in one run: server and
 * engine on one core, load on the other, rounds in turn, median of the ratios. Ends in an error unless every 302 that
 * was seen is exactly one stored hit.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient, PutCommand, paginateScan } from '@aws-sdk/lib-dynamodb'
import { tableName } from '../local/dynamo.ts'
import type { Link } from '../shared/facts.ts'
import { newId } from '../shared/id.ts'
import { keys } from '../shared/table/keys.ts'
import { unpackBlock } from '../shared/track/pack.ts'
import type { LoadOrder, LoadResult } from './load.ts'
import { median } from './median.ts'
import { startPinned } from './pinned.ts'

export interface Ratios {
  ratio_c32: number
  ratio_c128: number
}

interface Target {
  port: number
  host: string
  endpoint: string
}

const rounds = 5
const roundMs = 1000
const links = 50
const clients = 1000

export async function benchRedirect(say: (text: string) => void): Promise<Ratios & { rollup_on: Ratios }> {
  return { ...(await leg('off', say)), rollup_on: await leg('on', say) }
}

async function leg(rollup: 'on' | 'off', say: (text: string) => void): Promise<Ratios> {
  const bare = await startPinned<{ port: number }>(0, file('bare-server'))
  const server = await startPinned<Target>(0, file('redirect-server'), [rollup])
  const { port, host, endpoint } = server.ready
  const table = DynamoDBDocumentClient.from(new DynamoDBClient({ endpoint, region: 'local', credentials: local }))
  try {
    const slugs = await makeLinks(table, host)
    const paths = Array.from({ length: clients }, (_, i) => `/${slugs[i % slugs.length]}`)
    let found = 0
    const round = async (target: number, connections: number, ms: number) => {
      const result = await load({ port: target, paths, connections, ms })
      if (result.found !== result.answered) throw new Error(`${result.answered - result.found} answers were no 302`)
      if (target === port) found += result.found
      return result.perSecond
    }
    const compare = async (connections: number): Promise<number> => {
      const ratios: number[] = []
      for (let i = 0; i < rounds; i++) {
        const [base, complete] = [
          await round(bare.ready.port, connections, roundMs),
          await round(port, connections, roundMs),
        ]
        ratios.push(complete / base)
        say(`roll-up ${rollup}, ${connections} connections: ${base}/s bare, ${complete}/s complete`)
      }
      return Number(median(ratios).toFixed(3))
    }
    // Both are compiled by the time they are compared.
    for (const target of [bare.ready.port, port]) await round(target, 32, 3 * roundMs)
    const ratios = { ratio_c32: await compare(32), ratio_c128: await compare(128) }
    const stored = await countHits(table)
    if (stored !== found) throw new Error(`${found} answered 302, ${stored} hits stored`)
    say(`roll-up ${rollup}: ${found} answered 302, ${stored} hits stored`)
    return ratios
  } finally {
    table.destroy()
    await Promise.all([bare.stop(), server.stop()])
  }
}

const local = { accessKeyId: 'local', secretAccessKey: 'local' }
const facts = tableName('facts')
const file = (name: string): string => new URL(`${name}.ts`, import.meta.url).pathname

async function load(order: LoadOrder): Promise<LoadResult> {
  const run = await startPinned<LoadResult>(1, file('load'), [JSON.stringify(order)])
  await run.stop()
  return run.ready
}

/** Relay links of one campaign, as a reader's relays are. */
async function makeLinks(table: DynamoDBDocumentClient, host: string): Promise<string[]> {
  const [ws, cmp, createdAt] = [newId('ws'), newId('cmp'), Date.now()]
  const slugs = Array.from({ length: links }, (_, i) => `bench${String(i).padStart(5, '0')}`)
  for (const slug of slugs) {
    const link: Link = {
      type: 'link',
      kind: 'relay',
      ws,
      cmp,
      host,
      slug,
      destination: 'https://example.org/article',
      windowMs: 72 * 3_600_000,
      sentAt: createdAt - 3_600_000,
      segments: { lang: 'fr', tier: '100-999' },
      generation: 1,
      parent: 'benchasked',
      owner: 'relayers-own-way',
      createdAt,
    }
    await table.send(new PutCommand({ TableName: facts, Item: { ...keys.link(host, slug), ...link } }))
  }
  return slugs
}

async function countHits(table: DynamoDBDocumentClient): Promise<number> {
  let count = 0
  for await (const { Items = [] } of paginateScan({ client: table }, { TableName: facts }))
    for (const item of Items) if (item.type === 'hits') count += unpackBlock(item).hits.length
  return count
}
