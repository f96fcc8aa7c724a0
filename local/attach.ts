/**
 * The tables of a data folder, for an operator's command: those of the running server, or, when none runs, an engine
 * of our own with the roll-up on it, ended again by `stop`.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRollup } from '../functions/track/rollup.ts'
import { env } from '../shared/env.ts'
import { createTable, type Table } from '../shared/table/client.ts'
import { createTotals } from '../shared/table/totals.ts'
import { functions } from '../shared/topology.ts'
import { createTables, StartError, startDynamo, tableEnv } from './dynamo.ts'
import { holderOf, lock } from './lock.ts'
import { drainedAt, startFeed } from './stream.ts'

export interface Attached {
  table: Table
  /** Where the stream ends once the roll-up has folded all of it; undefined when it has not within half a minute. */
  position(): Promise<string | undefined>
  stop(): Promise<void>
}

const longestWaitMs = 30_000

export async function attach(dataDir: string): Promise<Attached> {
  const running = process.env.DYNAMODB_ENDPOINT ?? runningEngine(dataDir)
  const own = running === undefined ? await startOwn(dataDir) : undefined
  const endpoint = running ?? own!.endpoint
  Object.assign(process.env, tableEnv(endpoint))
  const table = createTable()
  const checkpoint = (shard: string) => createTotals(table).readCheckpoint(shard)
  const stream = { endpoint, table: env.table('facts'), checkpoint }
  const { batchSize } = functions.rollup.trigger
  const feed = own && (await startFeed({ ...stream, batchSize, handler: createRollup(table) }))
  return {
    table,
    async position() {
      for (const endWall = Date.now() + longestWaitMs; Date.now() < endWall; await sleep(100)) {
        const end = await drainedAt(stream)
        if (end !== undefined) return end
      }
      return undefined
    },
    async stop() {
      await feed?.stop()
      table.destroy()
      await own?.stop()
    },
  }
}

function runningEngine(dataDir: string): string | undefined {
  const holder = holderOf(dataDir)
  if (holder === undefined) return undefined
  const file = join(dataDir, 'server.json')
  if (!existsSync(file)) throw new StartError(`${dataDir} is in use by process ${holder}, which is starting or ending.`)
  return (JSON.parse(readFileSync(file, 'utf8')) as { dynamodb: string }).dynamodb
}

async function startOwn(dataDir: string): Promise<{ endpoint: string; stop(): Promise<void> }> {
  if (!existsSync(join(dataDir, 'tables.sqlite')))
    throw new StartError(`There is no data in ${dataDir}. Set DATA_DIR to the folder the server uses.`)
  const release = lock(dataDir)
  if (!release) throw new StartError(`${dataDir} has just been taken by another process.`)
  const dynamo = await startDynamo({ dataDir })
  await createTables(dynamo.endpoint)
  return {
    endpoint: dynamo.endpoint,
    async stop() {
      await dynamo.stop()
      release()
    },
  }
}
