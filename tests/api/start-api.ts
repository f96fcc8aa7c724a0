/** The API on real engines, with two workspaces that must never meet: `const api = await startApi()`. */
import { createApp } from '../../functions/api/app.ts'
import type { ApiDeps } from '../../functions/api/context.ts'
import { env } from '../../shared/env.ts'
import { hashApiKey, newApiKey, newId } from '../../shared/id.ts'
import type { Clock } from '../../shared/ports/clock.ts'
import { createQueue } from '../../shared/ports/queue.ts'
import { createAccounts } from '../../shared/table/accounts.ts'
import { createCampaigns } from '../../shared/table/campaigns.ts'
import { createTable } from '../../shared/table/client.ts'
import { createLinks } from '../../shared/table/links.ts'
import { createRecipients } from '../../shared/table/recipients.ts'
import { createTotals } from '../../shared/table/totals.ts'
import { createTurns } from '../../shared/table/turns.ts'
import { startEngines } from '../engines.ts'

export const startMs = Date.UTC(2026, 10, 24, 10)

export interface Workspace {
  ws: string
  key: string
  account: string
}

export interface Request {
  key?: string
  json?: unknown
  csv?: string
  body?: string
  headers?: Record<string, string>
}

export interface Answer {
  status: number
  headers: Headers
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: whatever came
  body: any
}

export type Api = Awaited<ReturnType<typeof startApi>>

export async function startApi() {
  const engines = await startEngines()
  const table = createTable()
  let reads = 0
  table.middlewareStack.add(
    (next) => (args) => {
      reads++
      return next(args)
    },
    { step: 'initialize' },
  )
  let now = startMs
  /** Every look at it is a millisecond later, so that what is made later sorts later. */
  const tick = () => now++
  const clock: Clock = { wall: tick, campaign: tick, wallMs: (ms) => ms }
  const rows = { campaigns: createCampaigns(table), recipients: createRecipients(table), links: createLinks(table) }
  const rest = { accounts: createAccounts(table), totals: createTotals(table), turns: createTurns(table) }
  const site = { publicUrl: env.publicUrl(), xApiUrl: 'http://127.0.0.1:4010', stopSecret: async () => 'secret' }
  const deps: ApiDeps = { ...rows, ...rest, ...site, queue: createQueue(), clock }

  async function newKey(ws: string, scopes: string[]): Promise<string> {
    const key = newApiKey()
    await deps.accounts.putApiKey(hashApiKey(key), { ws, id: newId('key'), name: 'test', scopes, createdAtWall: now })
    return key
  }

  async function newWorkspace(handle: string): Promise<Workspace> {
    const [ws, account] = [newId('ws'), newId('acc')]
    await deps.accounts.createWorkspace(ws, handle, now)
    await deps.accounts.putAccount({ ws, id: account, xUserId: '1', handle, createdAtWall: now })
    return { ws, key: await newKey(ws, ['*']), account }
  }

  const [own, foreign] = [await newWorkspace('camille_artois'), await newWorkspace('rival_garden')]
  const app = createApp(deps)

  async function call(method: string, path: string, request: Request = {}): Promise<Answer> {
    return send(app, method, path, { key: own.key, ...request })
  }

  return {
    app,
    deps,
    table,
    clock,
    own,
    foreign,
    call,
    newKey,
    newWorkspace,
    reads: () => reads,
    endpoint: engines.endpoint,
    stop: () => engines.stop(),
  }
}

/** `key: ''` sends no key. */
export async function send(
  app: { request: ReturnType<typeof createApp>['request'] },
  method: string,
  path: string,
  { key, json, csv, body = csv ?? (json === undefined ? undefined : JSON.stringify(json)), headers }: Request,
): Promise<Answer> {
  const type = csv !== undefined ? 'text/csv; charset=utf-8' : 'application/json'
  const answer = await app.request(path, {
    method,
    headers: {
      ...(key && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { 'content-type': type }),
      ...headers,
    },
    ...(body !== undefined && { body }),
  })
  const text = await answer.text()
  const isJson = /json/.test(answer.headers.get('content-type') ?? '')
  return {
    status: answer.status,
    headers: answer.headers,
    text,
    body: isJson && text !== '' ? JSON.parse(text) : undefined,
  }
}

export const aCampaign = {
  name: 'Pourquoi les abeilles dansent',
  sender: 'Camille Artois',
  destination: 'https://carnets.example.org/abeilles',
  language: 'fr',
}

export const consent = { consent_basis: 'dm_first', consent_evidence: 'dm 1812', consent_at: '2026-10-01' }

export const ada = { handle: 'ada_bee', x_user_id: '101', name: 'Ada', lang: 'fr', followers: 120, ...consent }
export const bruno = { handle: 'bruno_hive', x_user_id: '102', name: 'Bruno', ...consent }
/** Never said yes. */
export const chloe = { handle: 'chloe_wax', x_user_id: '103', name: 'Chloé' }
