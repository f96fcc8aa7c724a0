/**
 * The whole local pipeline, killed with SIGKILL again and again in mid-campaign while people click, and started again
 * on the same folder. Sandbox X runs beside it and is never killed: what it delivered is the oracle, with what every
 * visitor was answered.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { freePort } from '../../local/dynamo.ts'
import { type Message, type RunningSandbox, startSandboxX } from '../../local/sandbox-x.ts'
import type { Report } from '../../shared/measure/report.ts'
import { scaledClock } from '../../shared/ports/clock.ts'

const timeScale = 300
const recipients = 45
const kills = 5
const person = 'Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0'

const dataDir = mkdtempSync(join(tmpdir(), 'passalong-kill-'))
let server: ChildProcess | undefined
let sandbox: RunningSandbox | undefined

afterAll(async () => {
  if (server?.exitCode === null && server.signalCode === null) {
    const ended = once(server, 'exit')
    server.kill('SIGTERM')
    await ended
  }
  await sandbox?.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

async function start(port: number): Promise<void> {
  const ready = join(dataDir, 'server.json')
  rmSync(ready, { force: true })
  const env = {
    ...process.env,
    DATA_DIR: dataDir,
    PORT: String(port),
    TIME_SCALE: String(timeScale),
    TRUST_PROXY: '1',
    X_API_URL: sandbox!.url,
    X_TIMEOUT_MS: '1000',
    LOG_LEVEL: 'error',
  }
  server = spawn(process.execPath, ['local/main.ts'], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  for (let i = 0; i < 200 && !existsSync(ready); i++) {
    if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`)
    await sleep(50)
  }
}

async function kill(): Promise<void> {
  const ended = once(server!, 'exit')
  process.kill(server!.pid!, 'SIGKILL')
  await ended
}

async function messages(): Promise<Message[]> {
  const response = await fetch(`${sandbox!.url}/sandbox/messages?after=0`)
  return ((await response.json()) as { messages: Message[] }).messages
}

test('killed in mid-campaign, nobody is written to twice, no answered hit is lost, and it comes to an end', async () => {
  const origin = Date.now()
  writeFileSync(join(dataDir, 'clock.json'), JSON.stringify({ scale: timeScale, origin }))
  sandbox = await startSandboxX({ clock: scaledClock(timeScale, origin) })
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  await start(port)
  const headers = {
    authorization: `Bearer ${readFileSync(join(dataDir, 'api-key'), 'utf8').trim()}`,
    'content-type': 'application/json',
  }
  const api = async (method: string, path: string, body?: object) => {
    const response = await fetch(url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return response.json()
  }
  const { id } = (await api('POST', '/v1/campaigns', {
    name: 'K',
    sender: 'S',
    destination: 'https://example.org/',
  })) as { id: string }
  const rows = Array.from({ length: recipients }, (_, i) => ({
    handle: `k${i}`,
    x_user_id: String(6_000_000_000 + i),
    consent_basis: 'opt_in',
    consent_evidence: 'form',
    consent_at: '2026-01-01',
  }))
  await api('POST', `/v1/campaigns/${id}/recipients`, { recipients: rows })
  await api('POST', `/v1/campaigns/${id}/launch`, {})

  // People open what they are sent, each link again and again, until told to stop.
  const answered = new Map<string, number>()
  let clicking = true
  const clicks = (async () => {
    for (let n = 0; clicking; n++) {
      const links = (await messages()).map((message) => /http\S+\w/.exec(message.text)![0])
      if (links.length === 0) {
        await sleep(100)
        continue
      }
      const link = links[n % links.length]!
      const client = { 'user-agent': person, 'x-forwarded-for': `198.18.0.${n % 250}` }
      const response = await fetch(link, { redirect: 'manual', headers: client }).catch(() => undefined)
      if (response?.status === 302) answered.set(link, (answered.get(link) ?? 0) + 1)
      await sleep(5)
    }
  })()

  let restarts = 0
  const ended = async () => {
    const campaign = (await api('GET', `/v1/campaigns/${id}`)) as { state: string }
    return campaign.state === 'tracking' || campaign.state === 'completed'
  }
  for (; restarts < kills; restarts++) {
    await sleep(900 + 350 * restarts)
    expect(await ended(), 'still sending when it is killed').toBe(false)
    await kill()
    await start(port)
  }
  for (let i = 0; i < 400 && !(await ended()); i++) await sleep(250)
  expect(await ended()).toBe(true)
  clicking = false
  await clicks

  // X's own ledger: at most one message each, and what we call sent is what X has.
  const delivered = await messages()
  expect(new Set(delivered.map((message) => message.participant)).size).toBe(delivered.length)
  const { data: items } = (await api('GET', `/v1/campaigns/${id}/recipients?limit=100`)) as {
    data: { status: string; x_user_id: string; reason: string | null }[]
  }
  expect(items).toHaveLength(recipients)
  const statuses = Object.groupBy(items, (item) => item.status)
  expect(Object.keys(statuses).sort().join()).toMatch(/^sent(,unknown)?$/)
  const got = new Set(delivered.map((message) => message.participant))
  for (const sent of statuses.sent!) expect(got.has(sent.x_user_id)).toBe(true)
  // Each kill can leave at most one attempt without a receipt.
  expect(statuses.unknown?.length ?? 0).toBeLessThanOrEqual(kills)

  // Every answered click is a hit; a click whose answer the kill swallowed may be one too.
  const told = [...answered.values()].reduce((sum, n) => sum + n, 0)
  let report = (await api('GET', `/v1/campaigns/${id}/report`)) as Report
  for (let i = 0, last = -1; i < 100 && report.filtering.hits !== last; i++) {
    last = report.filtering.hits
    await sleep(1000)
    report = (await api('GET', `/v1/campaigns/${id}/report`)) as Report
  }
  expect(told).toBeGreaterThan(100)
  expect(report.filtering.hits).toBeGreaterThanOrEqual(told)
  expect(report.filtering.hits).toBeLessThanOrEqual(told + kills)
  expect(report.funnel.sent.count).toBe(statuses.sent!.length)
  // Totals against a recount from the facts.
  const recount = spawn(process.execPath, ['local/recount.ts', id, '--json'], {
    env: { ...process.env, DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let words = ''
  recount.stdout.on('data', (chunk: Buffer) => {
    words += chunk.toString()
  })
  const [code] = (await once(recount, 'exit')) as [number]
  expect(words).toContain('"differences":[]')
  expect(code).toBe(0)
}, 180_000)
