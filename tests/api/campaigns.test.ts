import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRollup } from '../../functions/track/rollup.ts'
import { startFeed } from '../../local/stream.ts'
import { defaultMessages, defaultRelayTexts } from '../../shared/broadcast/message.ts'
import { env } from '../../shared/env.ts'
import { newId } from '../../shared/id.ts'
import { type Api, aCampaign, ada, bruno, chloe, startApi } from './start-api.ts'

let api: Api
beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api.stop())

describe('creating', () => {
  test('a draft, with what was not said filled in', async () => {
    const { status, headers, body } = await api.call('POST', '/v1/campaigns', { json: aCampaign })
    expect(status).toBe(201)
    expect(headers.get('location')).toBe(`/v1/campaigns/${body.id}`)
    expect(body).toEqual({
      id: expect.stringMatching(/^cmp_\w{20}$/),
      name: aCampaign.name,
      sender: aCampaign.sender,
      state: 'draft',
      delivery: 'x_dm',
      privacy: 'aggregate',
      destination: aCampaign.destination,
      message: defaultMessages.fr,
      relayText: defaultRelayTexts.fr,
      postId: null,
      account: api.own.account,
      windowHours: 72,
      passItOn: false,
      createdAt: expect.stringMatching(/^2026-11-24T10:00/),
      launchAt: null,
      startedAt: null,
      sentDoneAt: null,
      completedAt: null,
      pausedReason: null,
    })
  })

  test('everything said is kept', async () => {
    const said = {
      name: 'Bees',
      sender: 'Camille',
      message: 'Hi {{ name }} {{ link }}',
      relayText: 'Read this:',
      account: api.own.account,
      privacy: 'individual',
      delivery: 'x_dm',
      windowHours: 24,
      passItOn: true,
      postId: '1890',
    }
    const json = { ...said, destination: 'HTTPS://Carnets.example.org' }
    const { body } = await api.call('POST', '/v1/campaigns', { json })
    expect(body).toMatchObject({ ...said, destination: 'https://carnets.example.org/' })
    expect((await api.call('GET', `/v1/campaigns/${body.id}`)).body).toMatchObject(body)
  })

  test('English words unless asked otherwise', async () => {
    const { body } = await api.call('POST', '/v1/campaigns', { json: { ...aCampaign, language: undefined } })
    expect([body.message, body.relayText]).toEqual([defaultMessages.en, defaultRelayTexts.en])
  })

  test.each([
    ['an unknown variable', { message: '{{ firstname }} {{ link }}' }, '/message', 'firstname'],
    ['a message without its link', { message: 'Hello {{ name }}' }, '/message', 'link'],
    ['no http', { destination: 'ftp://example.org/' }, '/destination', 'ftp:'],
    ['a script', { destination: 'java\nscript:alert(1)' }, '/destination', 'control character'],
    ['our own site', { destination: 'http://127.0.0.1:3000/p/x' }, '/destination', 'leads back here'],
    ['delivery by another tool', { delivery: 'external' }, '/delivery', 'x_dm only'],
    ['a public post', { delivery: 'public_post' }, '/delivery', 'x_dm only'],
  ])('%s: 422', async (_name, change, field, words) => {
    const { status, body } = await api.call('POST', '/v1/campaigns', { json: { ...aCampaign, ...change } })
    expect([status, body.code, body.errors[0].field]).toEqual([422, 'unprocessable', field])
    expect(body.errors[0].detail).toContain(words)
  })

  test('several accounts: say which; none: connect one', async () => {
    const ws = newId('ws')
    const key = await api.newKey(ws, ['*'])
    const none = await api.call('POST', '/v1/campaigns', { key, json: aCampaign })
    expect([none.status, none.body.errors[0].field]).toEqual([422, '/account'])
    for (const id of ['acc_one', 'acc_two'])
      await api.deps.accounts.putAccount({ ws, id, xUserId: '9', handle: `h_${id}`, createdAtWall: 0 })
    const several = await api.call('POST', '/v1/campaigns', { key, json: aCampaign })
    expect(several.status).toBe(422)
    expect(several.body.detail).toMatch(/acc_one \(@h_acc_one\), acc_two \(@h_acc_two\)/)
    const chosen = await api.call('POST', '/v1/campaigns', { key, json: { ...aCampaign, account: 'acc_two' } })
    expect(chosen.body.account).toBe('acc_two')
  })
})

test('pages, newest first, each campaign once', async () => {
  const { key } = await api.newWorkspace('pager')
  const made: string[] = []
  for (let i = 0; i < 5; i++) made.unshift((await api.call('POST', '/v1/campaigns', { key, json: aCampaign })).body.id)
  const listed: string[] = []
  const sizes: number[] = []
  for (let next = ''; next !== undefined; ) {
    const { body } = await api.call('GET', `/v1/campaigns?limit=2${next}`, { key })
    listed.push(...body.data.map(({ id }: { id: string }) => id))
    sizes.push(body.data.length)
    if (body.nextCursor === null) break
    next = `&cursor=${body.nextCursor}`
  }
  expect(listed).toEqual(made)
  expect(sizes).toEqual([2, 2, 1])
})

test('progress is what the roll-up has counted', async () => {
  const { deps, table, endpoint } = api
  const { id } = (await api.call('POST', '/v1/campaigns', { json: aCampaign })).body
  const json = { recipients: [ada, bruno, chloe] }
  await api.call('POST', `/v1/campaigns/${id}/recipients`, { json })
  const checkpoint = deps.totals.readCheckpoint
  const handler = createRollup(table) as (batch: object) => Promise<unknown>
  const feed = await startFeed({ endpoint, table: env.table('facts'), batchSize: 1000, handler, checkpoint })
  const progress = async () => (await api.call('GET', `/v1/campaigns/${id}`)).body.progress
  await expect.poll(progress, { timeout: 20_000 }).toEqual({
    recipients: 3,
    pending: 2,
    sending: 0,
    sent: 0,
    refused: 0,
    unknown: 0,
    suppressed: 1,
    refusedReasons: {},
    suppressedReasons: { no_consent: 1 },
  })
  await feed.stop()
})

test.each(['cmp_short', 'cmp_0000000000000000000%2F', 'x'.repeat(3000)])('an id that cannot be: %s', async (id) => {
  expect((await api.call('GET', `/v1/campaigns/${id}`)).status).toBe(404)
})
