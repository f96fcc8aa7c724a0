/**
 * The whole pipeline on one machine: the topology rendered to embedded engines, the same handlers behind.
 *
 *     const server = await startServer(readOptions(process.env))
 *     await server.stop()
 */
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { env } from '../shared/env.ts'
import { type Clock, realClock, scaledClock } from '../shared/ports/clock.ts'
import { createTable } from '../shared/table/client.ts'
import { createTotals } from '../shared/table/totals.ts'
import { type FunctionName, functionNames, functions, type Trigger } from '../shared/topology.ts'
import { createTables, type Dynamo, StartError, startDynamo, tableEnv } from './dynamo.ts'
import { type FirstStart, firstStart } from './first-start.ts'
import { createHttpServer, type HttpHandler, type Route } from './http.ts'
import { holderOf, lock } from './lock.ts'
import { prepareFolder, type ServerOptions } from './options.ts'
import { type Handler, type Running, startPoller, startTimer } from './pollers.ts'
import { queueEnv, startQueues } from './queues.ts'
import { startSandboxX } from './sandbox-x.ts'
import { startFeed } from './stream.ts'
import { writeWhole } from './write-whole.ts'

export interface RunningServer extends FirstStart {
  url: string
  /** Where X is: sandbox X, or the real one. */
  xUrl: string
  stop(): Promise<void>
}

const minuteMs = 60_000
/** Queue batches in work at the same time, per function. */
const atOnce = 8
const trimEveryMs = 5_000

export async function startServer(options: ServerOptions): Promise<RunningServer> {
  prepareFolder(options.dataDir)
  const stops: (() => Promise<void>)[] = []
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one()
  }
  try {
    stops.push(hold(options.dataDir))
    const http = await listen(options)
    stops.push(http.stop)
    const clock = campaignClock(options, join(options.dataDir, 'clock.json'))
    const dynamo = await tables(options)
    stops.push(dynamo.stop)
    const queues = await startQueues({ dataDir: options.dataDir })
    stops.push(queues.stop)
    const publicUrl = options.publicUrl ?? http.url
    const xUrl = await x(options, clock, publicUrl, stops)
    Object.assign(process.env, tableEnv(dynamo.endpoint), queueEnv(queues), {
      PUBLIC_URL: publicUrl,
      X_API_URL: xUrl,
      VAULT_KEY_FILE: join(options.dataDir, 'vault.key'),
    })
    const first = await firstStart(options, clock, xUrl)
    const handlers = await loadHandlers()
    http.serve(routesOf(handlers))
    stops.push(...(await startTriggers(options, handlers, queues.endpoint, dynamo)).map((one) => () => one.stop()))
    // Ends first: whoever is being answered needs everything behind it.
    stops.push(http.stop)
    const found = { pid: process.pid, url: http.url, dynamodb: dynamo.endpoint, sqs: queues.endpoint, x: xUrl }
    writeFileSync(join(options.dataDir, 'server.json'), JSON.stringify(found))
    return { ...first, url: publicUrl, xUrl, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** One server per folder. */
function hold(dataDir: string): () => Promise<void> {
  const release = lock(dataDir)
  if (!release)
    throw new StartError(
      `A server (process ${holderOf(dataDir)}) is running on ${dataDir} already.\nStop it, or set DATA_DIR.`,
    )
  const file = join(dataDir, 'server.json')
  // A killed one has left where it was.
  rmSync(file, { force: true })
  return async () => {
    rmSync(file, { force: true })
    release()
  }
}

/** Takes the port first, so that a taken one is said at once; answers 503 until the handlers are there. */
async function listen(options: ServerOptions) {
  const starting: HttpHandler = async () => ({ statusCode: 503, headers: { 'retry-after': '1' }, body: 'Starting\n' })
  const routes: Route[] = ['ANY /', 'ANY /{path+}'].map((route) => ({ route, handler: starting }))
  const server = createHttpServer({ routes, trustProxy: options.trustProxy })
  server.listen(options.port)
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    throw new StartError(noPort(options.port, error.code))
  })
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : options.port
  const serve = (all: Route[]) => {
    const ready = createHttpServer({ routes: all, trustProxy: options.trustProxy })
    server.removeAllListeners('request')
    for (const listener of ready.listeners('request')) server.on('request', listener as () => void)
  }
  const stop = async () => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeIdleConnections()
    setTimeout(() => server.closeAllConnections(), 1000).unref()
    await closed
  }
  return { url: `http://127.0.0.1:${port}`, serve, stop }
}

function noPort(port: number, code = ''): string {
  const why = { EADDRINUSE: 'is taken', EACCES: 'is not allowed for this user' }[code] ?? `cannot be used (${code})`
  return `Port ${port} ${why}. Choose another: PORT=${port >= 1024 && port < 65_535 ? port + 1 : 3000} npm start`
}

/** Campaign time goes on where it was: a folder keeps the scale it was started with. */
function campaignClock(options: ServerOptions, file: string): Clock {
  const wanted = { scale: options.timeScale, origin: Date.now() }
  if (!existsSync(file)) writeWhole(file, JSON.stringify(wanted))
  const { scale, origin } = JSON.parse(readFileSync(file, 'utf8')) as typeof wanted
  if (scale !== options.timeScale)
    throw new StartError(`${options.dataDir} runs at TIME_SCALE=${scale}: set it, or use another DATA_DIR.`)
  process.env.TIME_SCALE = String(scale)
  process.env.TIME_ORIGIN = String(origin)
  return scale === 1 ? realClock : scaledClock(scale, origin)
}

async function tables(options: ServerOptions): Promise<Dynamo> {
  const given = options.dynamodbEndpoint
  const dynamo = given
    ? { endpoint: given, trim: () => {}, stop: async () => {} }
    : await startDynamo({ dataDir: options.dataDir })
  await createTables(dynamo.endpoint).catch((error: Error) => {
    if (given) throw new StartError(`DYNAMODB_ENDPOINT=${given} does not answer as DynamoDB: ${error.message}`)
    throw error
  })
  return dynamo
}

async function x(
  options: ServerOptions,
  clock: Clock,
  publicUrl: string,
  stops: (() => Promise<void>)[],
): Promise<string> {
  if (options.credentials) return options.xApiUrl ?? 'https://api.x.com'
  if (options.xApiUrl) return options.xApiUrl
  const sandbox = await startSandboxX({ clock, file: join(options.dataDir, 'sandbox-x.jsonl'), openLinks: publicUrl })
  stops.push(sandbox.stop)
  return sandbox.url
}

type Handlers = Record<FunctionName, Handler>

/** By path, as Lambda does, once the environment is what the handlers read. */
async function loadHandlers(): Promise<Handlers> {
  const loaded = functionNames.map(async (name) => {
    const [file, exported] = functions[name].handler.split('.') as [string, string]
    const module = (await import(`../${file}.ts`)) as Record<string, Handler>
    return [name, module[exported]!] as const
  })
  return Object.fromEntries(await Promise.all(loaded)) as Handlers
}

function routesOf(handlers: Handlers): Route[] {
  return functionNames.flatMap((name) => {
    const trigger: Trigger = functions[name].trigger
    if (trigger.kind !== 'http') return []
    return trigger.routes.map((route) => ({ route, handler: handlers[name] as HttpHandler }))
  })
}

async function startTriggers(
  options: ServerOptions,
  handlers: Handlers,
  sqs: string,
  dynamo: Dynamo,
): Promise<Running[]> {
  const running: Running[] = []
  for (const name of functionNames) {
    const trigger: Trigger = functions[name].trigger
    const handler = handlers[name]
    if (trigger.kind === 'queue') {
      const { batchSize, queue } = trigger
      running.push(startPoller({ endpoint: sqs, queueUrl: env.queueUrl(queue), batchSize, atOnce, handler }))
    } else if (trigger.kind === 'schedule') {
      const everyMs = Math.max(1000, (trigger.everyMinutes * minuteMs) / options.timeScale)
      running.push(startTimer(everyMs, handler))
    } else if (trigger.kind === 'stream' && options.rollup) {
      running.push(await stream(trigger.batchSize, env.table(trigger.table), handler, dynamo))
    }
  }
  return running
}

async function stream(batchSize: number, table: string, handler: Handler, dynamo: Dynamo): Promise<Running> {
  const totals = createTotals(createTable())
  const checkpoint = (shard: string) => totals.readCheckpoint(shard)
  const feed = await startFeed({ endpoint: dynamo.endpoint, table, batchSize, handler, checkpoint })
  const trimming = setInterval(() => {
    for (const sequence of feed.passed.values()) dynamo.trim(table, sequence)
  }, trimEveryMs)
  return {
    async stop() {
      clearInterval(trimming)
      await feed.stop()
    },
  }
}
