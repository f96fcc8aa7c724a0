/**
 * DynamoDB on one machine: dynoxide on a SQLite file, started and ended with this process.
 *
 *     const dynamo = await startDynamo({ dataDir: '.passalong' })
 *     await createTables(dynamo.endpoint)
 *
 * A small shell process watches the pipe to us and ends the engine when we are gone, even by SIGKILL.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CreateTableCommand,
  DynamoDBClient,
  ResourceInUseException,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import type { TableName } from '../shared/env.ts'
import { log, reasonOf } from '../shared/log.ts'
import { tables } from '../shared/topology.ts'

/** A start that cannot go on, with words for the person at the keyboard. */
export class StartError extends Error {}

export interface Dynamo {
  endpoint: string
  /** Drops stream records up to `sequence`, which every consumer has passed. Nothing to do on other engines. */
  trim(table: string, sequence: string): void
  stop(): Promise<void>
}

const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }

/** Ends the engine when stdin closes; reports the engine's own end by its exit code. */
const supervisor = `
exec 3<&0
pidfile=$1; shift
"$@" & engine=$!
echo $engine > "$pidfile"
{ read _ <&3; kill $engine; } & watcher=$!
wait $engine; code=$?
kill $watcher 2>/dev/null
rm -f "$pidfile"
exit $code`

function engineFile(): string {
  const name = `@dynoxide/${process.platform}-${process.arch}`
  try {
    return createRequire(import.meta.url).resolve(`${name}/dynoxide`)
  } catch {
    throw new StartError(
      `There is no embedded table engine for this platform (${process.platform} ${process.arch}).\n` +
        'Start a DynamoDB Local and point to it: DYNAMODB_ENDPOINT=http://127.0.0.1:8000 npm start',
    )
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** An engine left by a killed supervisor still holds the file; only one that names our file is ours to end. */
async function endLeftover(pidFile: string, dbPath: string): Promise<void> {
  if (!existsSync(pidFile)) return
  const pid = Number(readFileSync(pidFile, 'utf8'))
  const commandLine = `/proc/${pid}/cmdline`
  for (let i = 0; i < 100; i++) {
    if (!pid || !existsSync(commandLine) || !readFileSync(commandLine, 'utf8').includes(dbPath)) return
    process.kill(pid, i < 50 ? 'SIGTERM' : 'SIGKILL')
    await sleep(50)
  }
}

async function answers(port: number, child: ChildProcess): Promise<boolean> {
  for (let i = 0; i < 200 && child.exitCode === null; i++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false))
      socket.on('connect', () => socket.destroy())
    })
    if (open) return true
    await sleep(25)
  }
  return false
}

/**
 * dynoxide computes each stream sequence number by a full scan (2,156 writes a second fall to 723 within 8,000
 * records); with this index the rate stays flat.
 */
function indexStream(db: DatabaseSync): void {
  db.exec('PRAGMA busy_timeout = 5000')
  db.exec(
    'CREATE INDEX IF NOT EXISTS stream_by_sequence ON _stream_records(table_name, CAST(sequence_number AS INTEGER))',
  )
}

export async function startDynamo(options: { dataDir: string }): Promise<Dynamo> {
  const dbPath = join(options.dataDir, 'tables.sqlite')
  const pidFile = join(options.dataDir, 'engine.pid')
  const file = engineFile()
  await endLeftover(pidFile, dbPath)
  const port = await freePort()
  const command = [file, 'serve', '--host', '127.0.0.1', '--port', String(port), '--db-path', dbPath]
  let child = spawnEngine(pidFile, command)
  if (!(await answers(port, child.process))) {
    child.process.stdin.end()
    throw new StartError(`The table engine did not start on ${dbPath}.\n${child.words().trim()}`)
  }
  const db = new DatabaseSync(dbPath)
  // Trimmed stream records held earlier versions of rows: they are overwritten, not merely freed.
  db.exec('PRAGMA secure_delete = ON')
  indexStream(db)
  let stopping = false
  // An engine that dies alone comes back on the same port; until then writes fail and hits are spilled.
  const watch = () =>
    child.process.once('exit', (code) => {
      if (stopping) return
      log('error', 'engine.restarted', { code })
      setTimeout(() => {
        if (stopping) return
        child = spawnEngine(pidFile, command)
        watch()
      }, 200)
    })
  watch()
  return {
    endpoint: `http://127.0.0.1:${port}`,
    trim(table, sequence) {
      try {
        trimStream(db, table, sequence)
      } catch (error) {
        // The engine holds its file just now; what is not dropped now is dropped next time.
        log('warn', 'stream.not_trimmed', { reason: reasonOf(error) })
      }
    },
    async stop() {
      stopping = true
      db.close()
      if (child.process.exitCode !== null || child.process.signalCode !== null) return
      const ended = once(child.process, 'exit')
      child.process.stdin.end()
      await ended
    },
  }
}

function spawnEngine(pidFile: string, command: string[]) {
  // Its own process group: Ctrl-C reaches us alone, and we end it in order.
  const process = spawn('sh', ['-c', supervisor, 'sh', pidFile, ...command], {
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
  })
  let words = ''
  process.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-2000)
  })
  process.stdin.on('error', () => {})
  return { process, words: () => words }
}

/** The newest record stays: the engine numbers the next one after the highest it holds. */
function trimStream(db: DatabaseSync, table: string, sequence: string): void {
  db.prepare(
    `DELETE FROM _stream_records WHERE table_name = ? AND CAST(sequence_number AS INTEGER) <= CAST(? AS INTEGER)
     AND CAST(sequence_number AS INTEGER) <
         (SELECT MAX(CAST(sequence_number AS INTEGER)) FROM _stream_records WHERE table_name = ?)`,
  ).run(table, sequence, table)
}

/** Creates the tables of the topology that are not there yet. Physical names: `<prefix>-facts` … */
export async function createTables(endpoint: string, prefix = 'passalong'): Promise<void> {
  // An address that takes a connection and says nothing must not hold up a start for good.
  const requestHandler = { connectionTimeout: 5_000, requestTimeout: 5_000, throwOnRequestTimeout: true }
  const client = new DynamoDBClient({ endpoint, region: 'local', credentials, requestHandler, maxAttempts: 2 })
  for (const [name, spec] of Object.entries(tables)) {
    const TableName = tableName(name as TableName, prefix)
    try {
      await client.send(
        new CreateTableCommand({
          TableName,
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: [
            { AttributeName: 'pk', AttributeType: 'S' },
            { AttributeName: 'sk', AttributeType: 'S' },
          ],
          KeySchema: [
            { AttributeName: 'pk', KeyType: 'HASH' },
            { AttributeName: 'sk', KeyType: 'RANGE' },
          ],
          ...(spec.stream && {
            StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
          }),
        }),
      )
      if (spec.ttl) {
        const TimeToLiveSpecification = { AttributeName: spec.ttl, Enabled: true }
        await client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }))
      }
    } catch (error) {
      if (!(error instanceof ResourceInUseException)) throw error
    }
  }
  client.destroy()
}

export const tableName = (name: TableName, prefix = 'passalong'): string => `${prefix}-${name}`

/** What the functions find in their environment to reach these tables. */
export function tableEnv(endpoint: string, prefix = 'passalong'): Record<string, string> {
  const names = Object.keys(tables) as TableName[]
  return {
    DYNAMODB_ENDPOINT: endpoint,
    AWS_REGION: 'local',
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    ...Object.fromEntries(names.map((name) => [`${name.toUpperCase()}_TABLE`, tableName(name, prefix)])),
  }
}
