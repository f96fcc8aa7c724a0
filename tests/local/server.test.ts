/**
 * The local server as a process: what it says when it cannot start, and what it leaves behind when it ends, is killed,
 * or loses its engine.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient, ScanCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, describe, expect, test } from 'vitest'
import { freePort, tableName } from '../../local/dynamo.ts'
import { startSandboxX } from '../../local/sandbox-x.ts'
import { realClock } from '../../shared/ports/clock.ts'
import { unpackBlock } from '../../shared/track/pack.ts'

const root = new URL('../..', import.meta.url).pathname
const browser = 'Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0'

const folders: string[] = []
const children: ChildProcess[] = []
const closing: (() => unknown)[] = []

afterAll(async () => {
  for (const child of children) if (isRunning(child)) child.kill('SIGKILL')
  for (const close of closing) await close()
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'passalong-server-'))
  folders.push(folder)
  return folder
}

const isRunning = (child: ChildProcess) => child.exitCode === null && child.signalCode === null

interface Started {
  child: ChildProcess
  dataDir: string
  words: { stdout: string; stderr: string }
  /** The exit code, or the signal. */
  ended: Promise<number | string>
}

function start(env: Record<string, string>, node: string[] = []): Started {
  const dataDir = env.DATA_DIR ?? newFolder()
  const { PATH } = process.env
  const child = spawn(process.execPath, [...node, 'local/main.ts'], {
    cwd: root,
    env: { PATH, PORT: '0', ...env, DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  const words = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name]!.on('data', (chunk: Buffer) => {
      words[name] += chunk.toString()
    })
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string)
  return { child, dataDir, words, ended }
}

interface Ready extends Started {
  url: string
  dynamodb: string
  apiKey: string
}

async function ready(started: Started): Promise<Ready> {
  const file = join(started.dataDir, 'server.json')
  const { child, words } = started
  // The file may be there from one that was killed.
  const read = () => (existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8') || '{}') as { pid?: number }) : {})
  await until(() => read().pid === child.pid || !isRunning(child))
  if (!isRunning(child)) throw new Error(`it ended: ${words.stderr}`)
  const { url, dynamodb } = JSON.parse(readFileSync(file, 'utf8')) as { url: string; dynamodb: string }
  return { ...started, url, dynamodb, apiKey: readFileSync(join(started.dataDir, 'api-key'), 'utf8').trim() }
}

async function until(holds: () => boolean | Promise<boolean>, patienceMs = 20_000): Promise<void> {
  for (const endAt = Date.now() + patienceMs; Date.now() < endAt; await sleep(20)) if (await holds()) return
  throw new Error(`never came to hold: ${holds}`)
}

/** Processes whose command line names the folder: the engine and its watchers. */
function processesOn(dataDir: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(dataDir)
      } catch {
        return false
      }
    })
    .map(Number)
}

const engineOf = (dataDir: string) => Number(readFileSync(join(dataDir, 'engine.pid'), 'utf8'))

async function expectNothingLeft(dataDir: string): Promise<void> {
  await until(() => processesOn(dataDir).length === 0, 3_000).catch(() => {})
  expect(processesOn(dataDir)).toEqual([])
  for (const file of ['server.pid', 'server.json', 'engine.pid'])
    expect([file, existsSync(join(dataDir, file))]).toEqual([file, false])
}

/** Ends it and says how long that took. */
async function end({ child, ended, dataDir }: Started, signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
  const at = Date.now()
  child.kill(signal)
  expect(await ended).toBe(0)
  await expectNothingLeft(dataDir)
  return Date.now() - at
}

async function api({ url, apiKey }: Ready, method: string, path: string, body?: object) {
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }
  const response = await fetch(url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
  expect([path, response.ok], await response.clone().text()).toEqual([path, true])
  return (await response.json()) as Record<string, unknown> & { data: Record<string, unknown>[] }
}

async function listening(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

describe('a start that cannot go on says why and what to do, ends with 1 and leaves nothing', () => {
  async function refused(env: Record<string, string>, node: string[] = []): Promise<string> {
    const started = start(env, node)
    expect([await started.ended, started.words.stdout]).toEqual([1, ''])
    const { stderr } = started.words
    expect(stderr).toMatch(/^Passalong did not start\.\n/)
    expect(stderr).not.toMatch(/^\s+at |\[cause\]|Error:/m)
    expect(stderr.split('\n').length).toBeLessThan(7)
    await expectNothingLeft(started.dataDir)
    return stderr
  }

  test('a folder that cannot be written', async () => {
    const file = join(newFolder(), 'file')
    writeFileSync(file, '')
    const words = await refused({ DATA_DIR: join(file, 'below') })
    expect(words).toContain('cannot be written (ENOTDIR)')
    expect(words).toContain('DATA_DIR=/path/to/a/folder npm start')
  })

  test('a port that is taken, on every address or on this machine’s own', async () => {
    const port = await listening(createServer())
    expect(await refused({ PORT: String(port) })).toContain(`Port ${port} is taken. Choose another: PORT=`)
    const all = createServer().listen(0)
    await once(all, 'listening')
    closing.push(() => all.close())
    const taken = (all.address() as AddressInfo).port
    const words = await refused({ PORT: String(taken) })
    const proposed = Number(/PORT=(\d+) npm start/.exec(words)![1])
    expect(proposed).not.toBe(taken)
    expect(proposed).toBeLessThan(65_536)
  })

  test('a wrong value', async () => {
    expect(await refused({ PORT: 'http' })).toContain('PORT=http: it must be a whole number from 0 to 65535.')
    expect(await refused({ X_CLIENT_ID: 'id' })).toContain('docs/x-account.md')
  })

  test('another server on the folder: the first one goes on', async () => {
    const first = await ready(start({}))
    const second = start({ DATA_DIR: first.dataDir })
    expect(await second.ended).toBe(1)
    expect(second.words.stderr).toContain(
      `A server (process ${first.child.pid}) is running on ${first.dataDir} already.`,
    )
    expect(second.words.stderr).toContain('Stop it, or set DATA_DIR.')
    expect((await fetch(first.url)).status).toBe(200)
    await api(first, 'GET', '/v1/campaigns')
    await end(first)
  })

  test('three on one folder at the same moment: one starts', async () => {
    const dataDir = newFolder()
    const all = [1, 2, 3].map(() => start({ DATA_DIR: dataDir }))
    await until(
      () => all.filter(({ child }) => isRunning(child)).length === 1 && existsSync(join(dataDir, 'server.json')),
    )
    const [winner] = all.filter(({ child }) => isRunning(child))
    const losers = all.filter((one) => one !== winner)
    expect(await Promise.all(losers.map(({ ended }) => ended))).toEqual([1, 1])
    for (const { words } of losers) expect(words.stderr).toContain('is running on')
    expect((await fetch((await ready(winner!)).url)).status).toBe(200)
    await end(winner!)
  })

  test('a folder that was started at another time scale', async () => {
    const first = await ready(start({ TIME_SCALE: '60' }))
    await end(first)
    const { dataDir } = first
    expect(await refused({ DATA_DIR: dataDir })).toContain(`${dataDir} runs at TIME_SCALE=60: set it, or use another`)
    await end(await ready(start({ DATA_DIR: dataDir, TIME_SCALE: '60' })))
  })

  test('a DynamoDB that is not there, is something else, or never answers', async () => {
    const port = await freePort()
    const nowhere = `http://127.0.0.1:${port}`
    expect(await refused({ DYNAMODB_ENDPOINT: nowhere })).toContain(`${nowhere} does not answer as DynamoDB: `)
    const page = await listening(createServer((_, response) => response.end('<html>')))
    const words = await refused({ DYNAMODB_ENDPOINT: `http://127.0.0.1:${page}` })
    expect(words).toContain(`http://127.0.0.1:${page} does not answer as DynamoDB`)
    const silent = await listening(createTcpServer(() => {}))
    expect(await refused({ DYNAMODB_ENDPOINT: `http://127.0.0.1:${silent}` })).toContain('does not answer as DynamoDB')
  })

  test('a sandbox X that is not there or is something else, and an X that takes no such account', async () => {
    const nowhere = `http://127.0.0.1:${await freePort()}`
    const words = await refused({ X_API_URL: nowhere })
    expect(words).toContain(`X_API_URL=${nowhere} does not answer as a sandbox X`)
    expect(words).toContain('node local/sandbox-x.ts')
    const page = await listening(createServer((_, response) => response.end('<html>')))
    expect(await refused({ X_API_URL: `http://127.0.0.1:${page}` })).toContain('does not answer as a sandbox X')
    const credentials = { X_CLIENT_ID: 'id', X_REFRESH_TOKEN: 'used-before' }
    expect(await refused({ X_API_URL: nowhere, ...credentials })).toContain(`X at ${nowhere} does not answer.`)
    const sandbox = await startSandboxX({ clock: realClock })
    closing.push(sandbox.stop)
    const asked = await refused({ X_API_URL: sandbox.url, ...credentials })
    expect(asked).toContain('X did not accept the account’s credentials'.replace('’', "'"))
    expect(asked).toContain('give a fresh X_REFRESH_TOKEN')
    expect(asked).not.toContain('used-before')
  })

  test('a platform without an embedded engine', async () => {
    const pretend = `for (const [name, value] of [['platform', 'sunos'], ['arch', 'sparc']])
      Object.defineProperty(process, name, { value })`
    const words = await refused({}, ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`])
    expect(words).toContain('no embedded table engine for this platform (sunos sparc)')
    expect(words).toContain('DYNAMODB_ENDPOINT=http://127.0.0.1:8000 npm start')
  })
})

describe('a server that is ended', () => {
  test('says where to look; started again, it goes on with the same key and what was there', async () => {
    const port = String(await freePort())
    const at = Date.now()
    const started = start({ PORT: port })
    let firstMs: number | undefined
    await until(async () => {
      const response = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined)
      // Before it is ready it says so, and when to come again.
      if (response?.status === 503) expect(response.headers.get('retry-after')).toBe('1')
      else if (response) expect(response.status).toBe(200)
      if (response?.status === 200) firstMs = Date.now() - at
      return firstMs !== undefined
    })
    const first = await ready(started)
    console.log(`start to first answer: ${firstMs} ms (budget 3,000)`)
    await until(() => first.words.stdout.includes('Stop with Ctrl-C'))
    for (const words of [`http://127.0.0.1:${port}`, first.apiKey, first.dataDir, 'sandbox X'])
      expect(first.words.stdout).toContain(words)
    const { id } = await api(first, 'POST', '/v1/campaigns', {
      name: 'Kept',
      sender: 'S',
      destination: 'https://example.org/',
    })
    console.log(`SIGTERM to nothing left: ${await end(first)} ms`)

    const again = await ready(start({ PORT: port, DATA_DIR: first.dataDir }))
    expect(again.apiKey).toBe(first.apiKey)
    const { data } = await api(again, 'GET', '/v1/campaigns')
    expect(data.map((campaign) => campaign.id)).toEqual([id])
    await end(again, 'SIGINT')
  }, 60_000)

  test('by a second signal does not wait, and leaves nothing either', async () => {
    const { child, ended, dataDir } = await ready(start({}))
    child.kill('SIGTERM')
    child.kill('SIGINT')
    expect([0, 1]).toContain(await ended)
    await until(() => processesOn(dataDir).length === 0, 5_000)
  })

  test('while it starts, at any moment, leaves no process and can be started again', async () => {
    const dataDir = newFolder()
    for (const afterMs of [150, 300, 400, 500, 650]) {
      const { child, ended } = start({ DATA_DIR: dataDir })
      await sleep(afterMs)
      child.kill('SIGTERM')
      await ended
      await until(() => processesOn(dataDir).length === 0, 5_000)
    }
    await end(await ready(start({ DATA_DIR: dataDir })))
  })

  test('by SIGKILL leaves no engine, and its lock is nobody’s', async () => {
    const { child, ended, dataDir } = await ready(start({}))
    child.kill('SIGKILL')
    await ended
    await until(() => processesOn(dataDir).length === 0, 5_000)
    expect(existsSync(join(dataDir, 'server.pid'))).toBe(true)
    await end(await ready(start({ DATA_DIR: dataDir })))
  })

  test('and whose process id another program has by now: its lock is nobody’s', async () => {
    const dataDir = newFolder()
    // Of our name, and alive; but it did not begin when the one did that took the lock.
    const other = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)', 'local/main.ts'], { stdio: 'ignore' })
    children.push(other)
    writeFileSync(join(dataDir, 'server.pid'), `${other.pid} 1`)
    await end(await ready(start({ DATA_DIR: dataDir })))
    other.kill()
  })
})

/** Visitors who each come once, and what they were answered, until told to stop. */
function visitors(link: string) {
  const told: string[] = []
  const refused: number[] = []
  let n = 0
  let open = true
  const one = async () => {
    for (; open; await sleep(2)) {
      const userAgent = `${browser} n/${n++}`
      const headers = { 'user-agent': userAgent }
      const response = await fetch(link, { redirect: 'manual', headers }).catch(() => undefined)
      if (response?.status === 302) told.push(userAgent)
      else if (response) refused.push(response.status)
    }
  }
  const all = Promise.all(Array.from({ length: 8 }, one))
  return {
    told,
    refused,
    stop: async () => {
      open = false
      await all
    },
  }
}

/** User agents of every hit that is stored. */
async function hitsOf({ dynamodb }: Ready): Promise<string[]> {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
  const client = DynamoDBDocumentClient.from(new DynamoDBClient({ endpoint: dynamodb, region: 'local', credentials }))
  const agents: string[] = []
  let ExclusiveStartKey: Record<string, unknown> | undefined
  do {
    const scan = new ScanCommand({
      TableName: tableName('facts'),
      ConsistentRead: true,
      ...(ExclusiveStartKey && { ExclusiveStartKey }),
    })
    const { Items = [], LastEvaluatedKey } = await client.send(scan)
    for (const item of Items) if (item.type === 'hits') agents.push(...unpackBlock(item).hits.map((hit) => hit.ua!))
    ExclusiveStartKey = LastEvaluatedKey
  } while (ExclusiveStartKey)
  client.destroy()
  return agents
}

const newLink = async (server: Ready): Promise<string> =>
  String((await api(server, 'POST', '/v1/links', { destination: 'https://example.org/' })).url)

const lost = (told: string[], hits: string[]) => {
  const there = new Set(hits)
  return told.filter((userAgent) => !there.has(userAgent))
}

const twice = (hits: string[]) => hits.filter((userAgent, i) => hits.indexOf(userAgent) !== i)

describe.concurrent('no answered hit is lost', () => {
  test('when the server is told to end under load', async () => {
    const port = String(await freePort())
    let server = await ready(start({ PORT: port, LOG_LEVEL: 'warn' }))
    const link = await newLink(server)
    const people = visitors(link)
    for (let i = 0; i < 2; i++) {
      await sleep(700)
      server.child.kill('SIGTERM')
      expect(await server.ended).toBe(0)
      expect(server.words.stderr).not.toContain('hit.untracked')
      await expectNothingLeft(server.dataDir)
      server = await ready(start({ PORT: port, DATA_DIR: server.dataDir, LOG_LEVEL: 'warn' }))
    }
    await sleep(300)
    await people.stop()
    const hits = await hitsOf(server)
    expect(people.told.length).toBeGreaterThan(100)
    expect(lost(people.told, hits)).toEqual([])
    expect(twice(hits)).toEqual([])
    await end(server)
  }, 60_000)

  test('when the engine is killed, once and again: it comes back by itself', async () => {
    const server = await ready(start({ LOG_LEVEL: 'error' }))
    const link = await newLink(server)
    const people = visitors(link)
    for (let i = 0; i < 3; i++) {
      await sleep(700)
      const engine = engineOf(server.dataDir)
      process.kill(engine, 'SIGKILL')
      await until(
        () => existsSync(join(server.dataDir, 'engine.pid')) && ![0, engine].includes(engineOf(server.dataDir)),
      )
    }
    await sleep(700)
    await people.stop()
    expect(server.words.stderr).toContain('engine.restarted')
    expect(people.told.length).toBeGreaterThan(100)
    // A spilled block whose recovery met a dead engine comes back when its minute in the queue is over.
    let hits: string[] = []
    await until(async () => {
      hits = await hitsOf(server)
      return lost(people.told, hits).length === 0
    }, 90_000).catch(() => {})
    expect(lost(people.told, hits)).toEqual([])
    expect(twice(hits)).toEqual([])
    // The roll-up has gone on as well.
    const slug = new URL(link).pathname.slice(1)
    await until(async () => {
      const { totals } = await api(server, 'GET', `/v1/links/${slug}`)
      return (totals as { hits: number }).hits === hits.length
    })
    await end(server)
  }, 150_000)

  test('when the engine’s shell is killed alone: nothing is left at the end', async () => {
    const server = await ready(start({ LOG_LEVEL: 'error' }))
    const link = await newLink(server)
    const people = visitors(link)
    await sleep(300)
    const engine = engineOf(server.dataDir)
    const shell = Number(/^\d+ \(.*\) \S (\d+)/.exec(readFileSync(`/proc/${engine}/stat`, 'utf8'))![1])
    process.kill(shell, 'SIGKILL')
    await until(() => existsSync(join(server.dataDir, 'engine.pid')) && ![0, engine].includes(engineOf(server.dataDir)))
    await until(async () => (await fetch(link, { redirect: 'manual' })).status === 302)
    await people.stop()
    expect((await api(server, 'GET', '/v1/campaigns')).data).toEqual([])
    await end(server)
  }, 60_000)
})
