import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createApp } from '../../functions/api/app.ts'
import type { ApiDeps } from '../../functions/api/context.ts'
import { env } from '../../shared/env.ts'
import type { Campaign } from '../../shared/facts.ts'
import { type Api, aCampaign, ada, bruno, chloe, send, startApi, startMs, type Workspace } from './start-api.ts'

let api: Api
let sqs: SQSClient
/** A workspace of its own for each test: its account's turn is then its own too. */
let own: Workspace
beforeAll(async () => {
  api = await startApi()
  sqs = new SQSClient({ region: env.region(), endpoint: env.sqsEndpoint()! })
})
afterAll(async () => {
  sqs.destroy()
  await api.stop()
})
beforeEach(async () => {
  own = await api.newWorkspace('camille_artois')
})

const call = (method: string, path: string, json?: unknown) => api.call(method, path, { key: own.key, json })

async function draft(recipients: unknown[] = [ada, chloe], change: object = {}): Promise<string> {
  const { body } = await call('POST', '/v1/campaigns', { ...aCampaign, ...change })
  const path = `/v1/campaigns/${body.id}`
  if (recipients.length > 0) await call('POST', `${path}/recipients`, { recipients })
  return path
}

const stored = async (path: string): Promise<Campaign> =>
  (await api.deps.campaigns.get(own.ws, path.split('/').at(-1)!))!

async function turnMessages(): Promise<{ account: string; n: number }[]> {
  const receive = new ReceiveMessageCommand({ QueueUrl: env.queueUrl('turns'), MaxNumberOfMessages: 10 })
  const { Messages = [] } = await sqs.send(receive)
  return Messages.map(({ Body }) => JSON.parse(Body!)).filter(({ account }) => account === own.account)
}

const iso = (ms: number) => new Date(ms).toISOString()
const tomorrow = startMs + 86_400_000

async function agenda(path: string) {
  const entries = await api.deps.campaigns.due(Number.MAX_SAFE_INTEGER / 10)
  return entries.filter(({ cmp }) => path.endsWith(cmp)).map(({ at, action, ws }) => ({ at, action, ws }))
}

describe('launching now', () => {
  test('sends: the account gets its turn, the campaign its run', async () => {
    const path = await draft()
    const { status, body } = await call('POST', `${path}/launch`)
    expect([status, body.state, body.launchAt]).toEqual([200, 'sending', null])
    expect(Date.parse(body.startedAt)).toBeGreaterThan(startMs)
    expect(await turnMessages()).toEqual([{ account: own.account, n: 1 }])
    expect(await api.deps.campaigns.runs(own.account)).toMatchObject([{ cmp: body.id, cursor: 0 }])
    expect(await api.deps.turns.watched()).toContainEqual(expect.objectContaining({ account: own.account }))
  })

  test('twice: the second is told what is possible', async () => {
    const path = await draft()
    await call('POST', `${path}/launch`, {})
    const { status, body } = await call('POST', `${path}/launch`, {})
    expect([status, body.code]).toEqual([409, 'conflict'])
    expect(body.detail).toMatch(/is sending.*Possible now: pause, cancel\./)
  })

  test('ten at once: one succeeds', async () => {
    const path = await draft()
    const answers = await Promise.all(Array.from({ length: 10 }, () => call('POST', `${path}/launch`, {})))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)])
  })

  test('moved by something else between reading and writing: 409', async () => {
    const path = await draft()
    const move: ApiDeps['campaigns']['move'] = async (campaign, ...rest) => {
      await api.deps.campaigns.move(campaign, 'cancelled', 0)
      return api.deps.campaigns.move(campaign, ...rest)
    }
    const app = createApp({ ...api.deps, campaigns: { ...api.deps.campaigns, move } })
    const { status, body } = await send(app, 'POST', `${path}/launch`, { key: own.key, json: {} })
    expect([status, body.code]).toEqual([409, 'conflict'])
    expect(await turnMessages()).toEqual([])
  })

  test('a process that dies right after the move leaves an account the watchdog knows', async () => {
    const path = await draft()
    const move: ApiDeps['campaigns']['move'] = async (...all) => {
      await api.deps.campaigns.move(...all)
      throw new Error('killed here')
    }
    const app = createApp({ ...api.deps, campaigns: { ...api.deps.campaigns, move } })
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    expect((await send(app, 'POST', `${path}/launch`, { key: own.key, json: {} })).status).toBe(500)
    stderr.mockRestore()
    expect((await stored(path)).state).toBe('sending')
    expect(await api.deps.turns.watched()).toContainEqual(expect.objectContaining({ account: own.account }))
    expect(await api.deps.turns.load(own.account)).toMatchObject({ n: 1 })
  })

  test('a queue that is away does not undo the launch: the watchdog knows the account', async () => {
    const path = await draft()
    const queue = { send: () => Promise.reject(new Error('away')) }
    const app = createApp({ ...api.deps, queue })
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const { body } = await send(app, 'POST', `${path}/launch`, { key: own.key, json: {} })
    expect(stderr.mock.calls.join()).toContain('turn.not_seeded')
    stderr.mockRestore()
    expect(body.state).toBe('sending')
    expect(await api.deps.turns.load(own.account)).toMatchObject({ n: 1 })
  })
})

describe('before anything leaves', () => {
  test.each([
    ['nobody at all', []],
    ['nobody who agreed', [chloe]],
  ])('%s: 422', async (_name, recipients) => {
    const path = await draft(recipients)
    const { status, body } = await call('POST', `${path}/launch`, {})
    expect([status, body.code]).toEqual([422, 'unprocessable'])
    expect((await stored(path)).state).toBe('draft')
  })

  test('a value somebody lacks is found, with who and what', async () => {
    const path = await draft([ada, bruno], { message: '{{ followers }} {{ link }}' })
    const { status, body } = await call('POST', `${path}/launch`, {})
    expect(status).toBe(422)
    expect(body.errors).toEqual([
      { field: 'recipient 2, @bruno_hive', detail: expect.stringContaining('has no followers') },
    ])
    expect((await stored(path)).state).toBe('draft')
  })

  test('everybody is tried, past the first page; those not written to are not', async () => {
    const many = Array.from({ length: 450 }, (_, i) => ({ ...ada, handle: `p_${i}`, x_user_id: String(1000 + i) }))
    const { followers: _, ...lacking } = { ...ada, handle: 'last_one', x_user_id: '9999' }
    const path = await draft([...many, chloe, lacking], { message: '{{ followers }} {{ link }}' })
    const { body } = await call('POST', `${path}/launch`, {})
    expect(body.errors.map(({ field }: { field: string }) => field)).toEqual(['recipient 452, @last_one'])
  })

  test('the first few are named, not thousands', async () => {
    const many = Array.from({ length: 20 }, (_, i) => ({ ...bruno, handle: `q_${i}`, x_user_id: String(2000 + i) }))
    const path = await draft(many, { message: '{{ followers }} {{ link }}' })
    expect((await call('POST', `${path}/launch`, {})).body.errors).toHaveLength(5)
  })

  test.each([
    ['http://127.0.0.1:3000', 422, 'not HTTPS'],
    ['https://passalong.local', 422, 'is local'],
    ['https://go.example.org', 200, ''],
  ])('a real launch under %s: %i', async (publicUrl, expected, words) => {
    const path = await draft()
    const app = createApp({ ...api.deps, publicUrl, xApiUrl: 'https://api.x.com' })
    const { status, body } = await send(app, 'POST', `${path}/launch`, { key: own.key, json: {} })
    expect(status).toBe(expected)
    if (expected === 422) expect(body.detail).toMatch(new RegExp(`${words}.*Set PUBLIC_URL`))
    expect((await stored(path)).state).toBe(expected === 422 ? 'draft' : 'sending')
  })
})

describe('launching later', () => {
  test('waits on the agenda', async () => {
    const path = await draft()
    const { status, body } = await call('POST', `${path}/launch`, { at: '2026-11-25T11:00:00+01:00' })
    expect([status, body.state, body.launchAt]).toEqual([200, 'scheduled', iso(tomorrow)])
    expect(await agenda(path)).toEqual([{ at: tomorrow, action: 'start', ws: own.ws }])
    expect(await turnMessages()).toEqual([])
  })

  test.each([
    ['a time that has passed', iso(startMs - 1), 422],
    ['no offset', '2026-11-25T11:00:00', 400],
    ['not a time', 'tomorrow', 400],
  ])('%s', async (_name, at, expected) => {
    const path = await draft()
    const { status, body } = await call('POST', `${path}/launch`, { at })
    expect([status, body.errors[0].field]).toEqual([expected, '/at'])
  })

  test('another time replaces the first; the same time again changes nothing', async () => {
    const path = await draft()
    for (const at of [tomorrow, tomorrow + 1000, tomorrow + 1000])
      expect((await call('POST', `${path}/launch`, { at: iso(at) })).status).toBe(200)
    expect(await agenda(path)).toEqual([{ at: tomorrow + 1000, action: 'start', ws: own.ws }])
  })

  test('launched now after all, or cancelled: nothing is left waiting', async () => {
    const [now, never] = [await draft(), await draft()]
    for (const path of [now, never]) await call('POST', `${path}/launch`, { at: iso(tomorrow) })
    expect((await call('POST', `${now}/launch`, {})).body).toMatchObject({ state: 'sending', launchAt: null })
    expect((await call('POST', `${never}/cancel`)).body.state).toBe('cancelled')
    expect([await agenda(now), await agenda(never)]).toEqual([[], []])
  })

  test('the same guards hold', async () => {
    const path = await draft([chloe])
    expect((await call('POST', `${path}/launch`, { at: iso(tomorrow) })).status).toBe(422)
    expect(await agenda(path)).toEqual([])
  })
})

describe('pause, resume, cancel', () => {
  test('a pause says why, and resuming hands the account its turn again', async () => {
    const path = await draft()
    await call('POST', `${path}/launch`, {})
    await turnMessages()
    expect((await call('POST', `${path}/pause`)).body).toMatchObject({ state: 'paused', pausedReason: 'operator' })
    expect((await call('POST', `${path}/resume`)).body).toMatchObject({ state: 'sending', pausedReason: null })
    expect(await turnMessages()).toEqual([{ account: own.account, n: 1 }])
    expect(await api.deps.campaigns.runs(own.account)).toHaveLength(1)
  })

  test('cancelled while sending or paused: its run is gone', async () => {
    for (const calls of [['launch'], ['launch', 'pause']]) {
      const path = await draft()
      for (const one of calls) await call('POST', `${path}/${one}`)
      expect((await call('POST', `${path}/cancel`)).body).toMatchObject({ state: 'cancelled', pausedReason: null })
      expect(await api.deps.campaigns.runs(own.account)).toEqual([])
    }
  })

  test.each([
    [[], 'pause', 'launch, cancel'],
    [[], 'resume', 'launch, cancel'],
    [['launch'], 'resume', 'pause, cancel'],
    [['launch', 'pause'], 'pause', 'resume, cancel'],
    [['launch', 'pause'], 'launch', 'resume, cancel'],
  ])('after %j, %s: 409 naming %s', async (before, action, allowed) => {
    const path = await draft()
    for (const one of before) await call('POST', `${path}/${one}`)
    const { status, body } = await call('POST', `${path}/${action}`)
    expect([status, body.code]).toEqual([409, 'conflict'])
    expect(body.detail).toContain(`${action} is not possible. Possible now: ${allowed}.`)
  })

  test('after a cancellation nothing is possible', async () => {
    const path = await draft()
    await call('POST', `${path}/cancel`)
    for (const action of ['launch', 'pause', 'resume', 'cancel'])
      expect((await call('POST', `${path}/${action}`)).body.detail).toMatch(/is cancelled.*Nothing can be done/)
  })
})
