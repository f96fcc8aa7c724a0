import { afterAll, beforeAll, expect, test } from 'vitest'
import type { HitBlock } from '../../shared/facts.ts'
import { fold } from '../../shared/track/fold.ts'
import { type Api, startApi, startMs } from './start-api.ts'

let api: Api
beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api.stop())

const destination = 'https://carnets.example.org/abeilles'
const make = (json: unknown) => api.call('POST', '/v1/links', { json })

test('a link, with a slug nobody guesses', async () => {
  const { status, headers, body } = await make({ destination })
  expect(status).toBe(201)
  expect(headers.get('location')).toBe(`/v1/links/${body.slug}`)
  expect(body).toEqual({
    slug: expect.stringMatching(/^[0-9A-Za-z]{10}$/),
    host: '127.0.0.1:3000',
    url: `http://127.0.0.1:3000/${body.slug}`,
    destination,
    createdAt: expect.stringMatching(/^2026-11-24T10:00/),
  })
  expect(await api.deps.links.get(body.host, body.slug)).toMatchObject({ kind: 'plain', ws: api.own.ws, destination })
})

test('a slug of your own, once', async () => {
  expect((await make({ destination, slug: 'Spring_2026-bees' })).body.slug).toBe('Spring_2026-bees')
  const { status, body } = await api.call('POST', '/v1/links', {
    key: api.foreign.key,
    json: { destination, slug: 'Spring_2026-bees' },
  })
  expect([status, body.code]).toEqual([409, 'conflict'])
})

test.each([
  ['ab', 400],
  ['a'.repeat(65), 400],
  ['a b', 400],
  ['é-t-é', 400],
  ['stop', 422],
  ['Health', 422],
  ['-dash', 422],
])('the slug %s: %i', async (slug, expected) => {
  const { status, body } = await make({ destination, slug })
  expect([status, body.errors[0].field]).toEqual([expected, '/slug'])
})

test.each(['javascript:alert(1)', 'http://user:pw@example.org/', 'http://127.0.0.1:3000/x', 'example.org'])(
  'the destination %s: 422',
  async (bad) => {
    const { status, body } = await make({ destination: bad })
    expect([status, body.errors[0].field]).toEqual([422, '/destination'])
  },
)

test('its totals', async () => {
  const { body } = await make({ destination })
  const { slug, host } = body
  const read = async () => (await api.call('GET', `/v1/links/${slug}`)).body
  expect(await read()).toEqual({ ...body, totals: { hits: 0, bots: 0, visits: 0, visitorDays: 0 } })
  const hit = { t: startMs, s: slug, k: 'plain' as const, v: 'v' }
  const hits: HitBlock = { type: 'hits', ws: api.own.ws, host, cv: 1, hits: [hit, { ...hit, b: 'method' }] }
  await api.deps.totals.apply('shardId-1', fold([{ sequence: '0'.repeat(40), old: undefined, new: hits }]))
  expect((await read()).totals).toMatchObject({ hits: 2, bots: 1 })
})

test("a campaign's personal link is not shown, not even to its owner", async () => {
  const slug = 'askask0001'
  const link = { type: 'link' as const, ws: api.own.ws, host: '127.0.0.1:3000', slug, kind: 'ask' as const }
  await api.deps.links.create({ ...link, destination, cmp: 'cmp_1', createdAt: startMs })
  expect((await api.call('GET', `/v1/links/${slug}`)).status).toBe(404)
})

test('odd slugs are absent, without a read', async () => {
  for (const slug of ['%00', 'a.b', 'stop', 'x'.repeat(2100)])
    expect((await api.call('GET', `/v1/links/${slug}`)).status).toBe(404)
})
