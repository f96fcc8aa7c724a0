/** The operator's commands as processes, on a stopped folder and beside a running roll-up. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DeleteCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createRollup, type StreamBatch } from '../../functions/track/rollup.ts'
import { createTables, type Dynamo, startDynamo, tableEnv } from '../../local/dynamo.ts'
import { drainedAt, type Feed, startFeed } from '../../local/stream.ts'
import { createTable, type Table } from '../../shared/table/client.ts'
import { keys } from '../../shared/table/keys.ts'
import { recount } from '../../shared/table/recount.ts'
import { repair } from '../../shared/table/repair.ts'
import { createTotals } from '../../shared/table/totals.ts'
import { packHits } from '../../shared/track/pack.ts'
import { createRandom, host, inventWorld, type World, ws } from '../flows/roll-up-world.ts'

const root = new URL('../..', import.meta.url).pathname
const dataDir = mkdtempSync(join(tmpdir(), 'passalong-recount-'))
const cmp = 'cmp_one'

let dynamo: Dynamo
let table: Table
let feed: Feed | undefined
let holder: ChildProcess
const world: World = inventWorld(createRandom(7), 30)

interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

function run(command: 'recount' | 'redrive', ...args: string[]): Promise<Ran> {
  const { PATH } = process.env
  return new Promise((resolve) => {
    const options = { cwd: root, env: { PATH, DATA_DIR: dataDir } }
    const child = execFile(process.execPath, [`local/${command}.ts`, ...args], options, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    )
  })
}

async function runJson(command: 'recount' | 'redrive', ...args: string[]) {
  const ran = await run(command, ...args, '--json')
  expect(ran.stdout.trim().split('\n'), ran.stderr).toHaveLength(1)
  return { code: ran.code, found: JSON.parse(ran.stdout) }
}

async function startEngine(): Promise<void> {
  dynamo = await startDynamo({ dataDir })
  await createTables(dynamo.endpoint)
  Object.assign(process.env, tableEnv(dynamo.endpoint))
  table = createTable()
}

const put = (item: object) => table.send(new PutCommand({ TableName: process.env.FACTS_TABLE!, Item: { ...item } }))

const stream = () => ({
  endpoint: dynamo.endpoint,
  table: process.env.FACTS_TABLE!,
  checkpoint: (shard: string) => createTotals(table).readCheckpoint(shard),
})

async function drained(): Promise<void> {
  await vi.waitFor(async () => expect(await drainedAt(stream())).toBeDefined(), { timeout: 20_000, interval: 50 })
}

/** Spoils the number of what tells of block `spoilt`, as no stream does: a letter that today's code can fold. */
function spoiling(batch: StreamBatch): StreamBatch {
  const Records = batch.Records!.map((record) =>
    (record.dynamodb?.Keys?.sk as { S?: string })?.S?.endsWith('#spoilt')
      ? { ...record, dynamodb: { ...record.dynamodb!, SequenceNumber: 'spoilt' } }
      : record,
  )
  return { ...batch, Records }
}

beforeAll(async () => {
  await startEngine()
  const campaign = {
    type: 'campaign',
    ws,
    name: 'Test',
    state: 'tracking',
    createdAt: 0,
    startedAt: Date.now(),
    version: 1,
  }
  for (const id of world.cmps) await put({ ...keys.campaign(ws, id), ...campaign, id })
  const isLink = (at: number) => world.histories[at]![0]!.type === 'link'
  const order = [...world.histories.keys()].sort((a, b) => Number(isLink(b)) - Number(isLink(a)))
  for (const at of order) for (const item of world.histories[at]!) await put(item)
  const workspace = { ...keys.workspace(ws), id: ws }
  await table.send(new PutCommand({ TableName: process.env.DIRECTORY_TABLE!, Item: workspace }))
  await dynamo.stop()
})

afterAll(async () => {
  await feed?.stop()
  table?.destroy()
  await dynamo?.stop()
  holder?.kill()
  rmSync(dataDir, { recursive: true, force: true })
})

describe('without a server', () => {
  test('help and usage', async () => {
    expect(await run('recount', '--help')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('--repair'),
      stderr: '',
    })
    expect(await run('recount')).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('One campaign') })
    expect(await run('recount', cmp, '--nope')).toMatchObject({ code: 2, stderr: expect.stringContaining('--help') })
    expect(await run('recount', 'cmp_nobody')).toMatchObject({ code: 2, stderr: expect.stringContaining('cmp_nobody') })
    expect(await run('redrive', '--help')).toMatchObject({ code: 0, stderr: '' })
    expect(await run('redrive', 'more')).toMatchObject({ code: 2, stdout: '' })
  })

  test('what waits in the stream is rolled up first, and the engine ended', async () => {
    const { code, found } = await runJson('recount', cmp)
    expect(found).toMatchObject({
      campaign: cmp,
      equal: true,
      settled: true,
      differences: [],
      broken: 0,
      derivedMissing: 0,
    })
    expect(found.totals).toBeGreaterThan(20)
    expect(code).toBe(0)
    expect(existsSync(join(dataDir, 'engine.pid')) || existsSync(join(dataDir, 'server.pid'))).toBe(false)
    expect(await runJson('redrive')).toEqual({ code: 0, found: { redriven: 0, already: 0, left: [] } })
  })
})

describe('beside a running server', () => {
  beforeAll(async () => {
    await startEngine()
    feed = await startFeed({ ...stream(), batchSize: 100, handler: (batch) => createRollup(table)(spoiling(batch)) })
    // What a server leaves to be found: who holds the folder, and where the engine is.
    holder = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 300_000)', 'local/holder'], { stdio: 'ignore' })
    writeFileSync(join(dataDir, 'server.pid'), String(holder.pid))
    writeFileSync(join(dataDir, 'server.json'), JSON.stringify({ pid: holder.pid, dynamodb: dynamo.endpoint }))
  })

  test('a total that was tampered with and a visit that was lost are told, then repaired', async () => {
    const TableName = process.env.TOTALS_TABLE!
    const tamper = (name: string, expression: string) =>
      table.send(
        new UpdateCommand({
          TableName,
          Key: keys.total(ws, cmp, name),
          UpdateExpression: expression,
          ExpressionAttributeValues: { ':n': 3 },
        }),
      )
    await tamper('CAMPAIGN', 'ADD visits :n')
    await tamper('HOUR#2020-01-01T00', 'SET hits = :n')
    const hit = world.blocks
      .filter((block) => block.cmp === cmp)
      .flatMap((block) => block.hits)
      .find((one) => one.k === 'relay' && !one.b && !one.o && one.t <= one.w! + 72 * 3_600_000)!
    const Key = keys.visitorDay(host, hit.s, new Date(hit.t).toISOString().slice(0, 10), hit.v)
    await table.send(new DeleteCommand({ TableName: process.env.FACTS_TABLE!, Key }))
    await drained()

    const told = await runJson('recount', cmp)
    expect(told.code).toBe(1)
    expect(told.found).toMatchObject({ equal: false, settled: true, derivedMissing: 1, derivedUnexpected: 0 })
    expect(told.found.differences).toContainEqual({
      name: 'HOUR#2020-01-01T00',
      field: 'hits',
      stored: 3,
      recounted: 0,
    })
    const words = await run('recount', cmp)
    expect(words.stdout).toMatch(/CAMPAIGN visits: \d+, recounted \d+/)
    expect(words.stdout).not.toContain('\u001b')

    const repaired = await runJson('recount', cmp, '--repair')
    expect(repaired).toMatchObject({ code: 0, found: { equal: true, differences: [], repaired: { derived: 1 } } })
    expect(repaired.found.repaired.fields.length).toBeGreaterThan(0)
    expect(await runJson('recount', cmp)).toMatchObject({ code: 0, found: { equal: true } })
    expect(await runJson('recount', 'cmp_two')).toMatchObject({ code: 0, found: { equal: true } })
  })

  test('a dead letter is redriven before anything is repaired, and once', async () => {
    const listed = world.blocks.find((one) => one.cmp === cmp)!
    const block = { ...listed, hits: packHits(listed.hits) }
    vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    await put({ ...keys.hits(ws, cmp, 0, 1, 'spoilt'), ...block })
    await put({ ...keys.hits(ws, cmp, 0, 2, 'after'), ...block })
    await drained()
    vi.restoreAllMocks()
    expect((await runJson('recount', cmp)).code).toBe(1)
    expect(await run('recount', cmp, '--repair')).toMatchObject({ code: 2, stderr: expect.stringContaining('redrive') })
    const both = await Promise.all([runJson('redrive'), runJson('redrive')])
    expect(both.map(({ code }) => code)).toEqual([0, 0])
    expect(both[0].found.redriven + both[1].found.redriven).toBe(1)
    expect(await runJson('recount', cmp)).toMatchObject({ code: 0, found: { equal: true } })
  })

  test('a fact that is broken counts nowhere, and its letter stays with the reason', async () => {
    vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    await put({ ...keys.hits(ws, cmp, 0, 3, 'broken'), type: 'hits', ws, cmp, hits: packHits([]) })
    await drained()
    vi.restoreAllMocks()
    expect(await runJson('recount', cmp)).toMatchObject({ code: 0, found: { equal: true, broken: 1 } })
    expect(await run('redrive')).toMatchObject({ code: 1, stdout: expect.stringContaining('a hits whose host') })
  })

  test('a completed campaign is compared and never rewritten; an expired one is neither', async () => {
    const campaign = {
      ...keys.campaign(ws, cmp),
      type: 'campaign',
      ws,
      id: cmp,
      name: 'Test',
      createdAt: 0,
      version: 2,
    }
    await put({ ...campaign, state: 'completed', startedAt: Date.now() })
    await drained()
    expect(await run('recount', cmp)).toMatchObject({ code: 0 })
    expect(await run('recount', cmp, '--repair')).toMatchObject({ code: 2, stderr: expect.stringContaining('frozen') })
    const given = { nowWall: Date.now() }
    await expect(recount(table, ws, cmp, given)).rejects.toMatchObject({ code: 'conflict' })
    await put({ ...campaign, state: 'tracking', startedAt: Date.now() - 401 * 86_400_000 })
    await expect(recount(table, ws, cmp, { ...given, compareOnly: true })).rejects.toThrow('expired')
    await put({ ...campaign, state: 'tracking', startedAt: Date.now() })
    await drained()
  })

  test('nothing is repaired while facts keep arriving', async () => {
    let n = 0
    const position = async () => `shardId-1 ${n++}`
    await expect(repair(table, ws, cmp, { nowWall: Date.now(), position })).rejects.toMatchObject({ code: 'conflict' })
  })
})
