import { GetCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createRollup } from '../../functions/track/rollup.ts'
import { createTable, type Table } from '../../shared/table/client.ts'
import { keys } from '../../shared/table/keys.ts'
import { padSequence, type StreamRecord } from '../../shared/table/stream.ts'
import { createTotals } from '../../shared/table/totals.ts'
import type { Folded } from '../../shared/track/fold.ts'
import { type Engines, startEngines } from '../engines.ts'

let engines: Engines
let table: Table

beforeAll(async () => {
  engines = await startEngines()
  table = createTable()
})

afterAll(async () => {
  table?.destroy()
  await engines?.stop()
})

const ws = 'ws_totals'
const hourMs = 3_600_000

const adding = (cmp: string, sequence: number, n = 1): Folded =>
  new Map([
    ['one', { ws, cmp, name: 'CAMPAIGN', parts: [{ sequence: padSequence(String(sequence)), fields: { hits: n } }] }],
  ])

async function checkpointsOf(cmp: string): Promise<string[]> {
  const Key = keys.total(ws, cmp, 'CAMPAIGN')
  const { Item = {} } = await table.send(new GetCommand({ TableName: process.env.TOTALS_TABLE!, Key }))
  return Object.keys(Item)
    .filter((name) => name.startsWith('ck.'))
    .sort()
}

const insert = (SequenceNumber: string): StreamRecord => ({
  eventName: 'INSERT',
  dynamodb: {
    SequenceNumber,
    NewImage: {
      pk: { S: 'C#ws_totals#cmp_batch' },
      sk: { S: `RCP#${SequenceNumber}` },
      type: { S: 'recipient' },
      ws: { S: ws },
      cmp: { S: 'cmp_batch' },
      status: { S: 'pending' },
      segments: { M: {} },
    },
  },
})

describe('checkpoints of a total', () => {
  test('a shard’s own is never dropped; those silent for 48 h are, when a new shard comes', async () => {
    let now = Date.UTC(2026, 8, 1)
    const totals = createTotals(table, () => now)
    for (const shard of ['shardId-old', 'shardId-living']) {
      await totals.apply(shard, adding('cmp_prune', 1))
      await totals.checkpoint(shard, padSequence('1'), now)
    }
    now += 49 * hourMs
    await totals.checkpoint('shardId-living', padSequence('1'), now)
    await totals.apply('shardId-old', adding('cmp_prune', 2))
    expect(await checkpointsOf('cmp_prune')).toEqual(['ck.shardId-living', 'ck.shardId-old'])
    await totals.apply('shardId-new', adding('cmp_prune', 1))
    expect(await checkpointsOf('cmp_prune')).toEqual(['ck.shardId-living', 'ck.shardId-new'])
    for (const shard of ['shardId-living', 'shardId-new']) await totals.apply(shard, adding('cmp_prune', 1))
    expect(await totals.readCampaign(ws, 'cmp_prune')).toEqual({ hits: 4 })
  })

  test('one short of 48 h stays, and so does one whose age is not known', async () => {
    let now = Date.UTC(2026, 8, 1)
    const totals = createTotals(table, () => now)
    await totals.apply('shardId-young', adding('cmp_young', 1))
    await totals.checkpoint('shardId-young', padSequence('1'), now)
    await totals.apply('shardId-ageless', adding('cmp_young', 1))
    now += 48 * hourMs
    await totals.apply('shardId-newer', adding('cmp_young', 1))
    expect(await checkpointsOf('cmp_young')).toEqual(['ck.shardId-ageless', 'ck.shardId-newer', 'ck.shardId-young'])
  })

  test('a shard’s own checkpoint only moves forward', async () => {
    const totals = createTotals(table)
    await totals.checkpoint('shardId-forward', padSequence('10'), 1)
    await totals.checkpoint('shardId-forward', padSequence('9'), 2)
    expect(await totals.readCheckpoint('shardId-forward')).toBe(padSequence('10'))
  })
})

describe('a batch', () => {
  test('that does not name its shard is an error; the empty last one of a window is not', async () => {
    const rollup = createRollup(table)
    await expect(rollup({ Records: [insert('1')] })).rejects.toThrow('tumbling window')
    expect(await rollup({ Records: [], isFinalInvokeForWindow: true })).toEqual({ state: {} })
    expect(await rollup({ isFinalInvokeForWindow: true, shardId: 'shardId-1' })).toEqual({ state: {} })
    expect(await createTotals(table).readCampaign(ws, 'cmp_batch')).toEqual({})
  })

  test('that ends in a record without a sequence number goes through, and again', async () => {
    const rollup = createRollup(table)
    const batch = { shardId: 'shardId-last', Records: [insert('7'), insert('8'), insert('nine'), insert('')] }
    const logged = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    await rollup(batch)
    await rollup(batch)
    logged.mockRestore()
    const totals = createTotals(table)
    expect(await totals.readCampaign(ws, 'cmp_batch')).toEqual({ recipients: 2, pending: 2 })
    expect(await totals.readCheckpoint('shardId-last')).toBe(padSequence('8'))
    expect((await totals.deadLetters()).filter(({ sk }) => sk.startsWith('shardId-last:'))).toHaveLength(2)
  })
})

describe('repairing a total', () => {
  test('sets what still is as it was read, and nothing when one field is not', async () => {
    const totals = createTotals(table)
    await totals.apply('shardId-1', adding('cmp_fix', 1, 5))
    const [hits, bots] = [
      { field: 'hits', stored: 5, recounted: 4 },
      { field: 'bots', stored: 0, recounted: 2 },
    ]
    expect(await totals.overwrite(ws, 'cmp_fix', 'CAMPAIGN', [{ ...hits, stored: 6 }, bots])).toBe('changed')
    expect(await totals.readCampaign(ws, 'cmp_fix')).toEqual({ hits: 5 })
    expect(await totals.overwrite(ws, 'cmp_fix', 'CAMPAIGN', [hits, bots])).toBe('written')
    expect(await totals.overwrite(ws, 'cmp_fix', 'CAMPAIGN', [hits, bots])).toBe('changed')
    await totals.apply('shardId-1', adding('cmp_fix', 1, 5))
    await totals.apply('shardId-1', adding('cmp_fix', 2, 1))
    expect(await totals.readCampaign(ws, 'cmp_fix')).toEqual({ hits: 5, bots: 2 })
  })
})
