import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Fact, Link, Recipient, Relay, VisitorDay } from '../../shared/facts.ts'
import { halfHourMs } from '../../shared/track/count.ts'
import { fold } from '../../shared/track/fold.ts'
import { type Api, aCampaign, startApi, startMs } from './start-api.ts'

let api: Api
let path: string
beforeAll(async () => {
  api = await startApi()
  const { id } = (await api.call('POST', '/v1/campaigns', { json: aCampaign })).body
  path = `/v1/campaigns/${id}`
  const changes = story(api.own.ws, id).map((fact, i) => ({
    sequence: String(i).padStart(40, '0'),
    old: undefined,
    new: fact,
  }))
  await api.deps.totals.apply('shardId-1', fold(changes))
})
afterAll(() => api.stop())

/** Forty sent, ten readers, four relays, of which the first brought three visits and the second one. */
function story(ws: string, cmp: string): Fact[] {
  const base = { ws, cmp, host: 'h', windowMs: 72 * 3_600_000, sentAt: startMs }
  const times = (n: number) => Array.from({ length: n }, (_, i) => i)
  const sent = times(40).map((i): Recipient => {
    const person = { xUserId: String(i), handle: `h${i}`, name: `N${i}`, segments: { lang: 'fr' } }
    return { type: 'recipient', ws, cmp, ordinal: i + 1, status: 'sent', sentAt: startMs, ...person }
  })
  const reads = times(10).map((i): Link => {
    const link = { kind: 'ask' as const, destination: aCampaign.destination, createdAt: startMs }
    return { type: 'link', ...base, ...link, slug: `ask${i}`, segments: { lang: 'fr' }, firstReadAt: startMs + 5 }
  })
  const relays = times(4).map((i): Relay => {
    const relay = { generation: 1, channel: 'x' as const, pressedAt: startMs + 10 }
    return { type: 'relay', ...base, ...relay, slug: `rel${i}`, parent: `ask${i}` }
  })
  const visits = [3, 1].map((n, i): VisitorDay => {
    const halfHours = new Set(times(n).map((k) => startMs / halfHourMs + k))
    return { type: 'visitor_day', ws, cmp, host: 'h', slug: `rel${i}`, kind: 'relay', generation: 1, halfHours }
  })
  return [...sent, ...reads, ...relays, ...visits]
}

test('the report, from totals', async () => {
  const { status, body } = await api.call('GET', `${path}/report`)
  expect(status).toBe(200)
  expect(body.header).toMatchObject({ name: aCampaign.name, state: 'draft', provisional: true, windowHours: 72 })
  expect(body.funnel).toMatchObject({
    sent: { count: 40 },
    readers: { count: 10, rate: 0.25 },
    relays: { count: 4, rate: 0.4, pressed: 4, seen: 2, confirmed: null },
    visits: { count: 4, rate: 1 },
  })
  expect(body.coefficients.trust.value).toBe(0.4)
  expect(body.coefficients.virality).toMatchObject({ value: 1, spread: { visitsPerRelay: [3, 1, 0, 0] } })
  expect(body.hours[0]).toEqual({ at: '2026-11-24T10:00:00.000Z', sent: 40, readers: 10, relays: 4, visits: 3 })
  expect(body.segments[0]).toMatchObject({ name: 'lang', value: 'fr', sent: 40, readers: 10 })
})

test('the report is what the document says', async () => {
  const { body: document } = await api.call('GET', '/v1/openapi.json')
  const { body } = await api.call('GET', `${path}/report`)
  expect(Object.keys(body).sort()).toEqual(Object.keys(document.components.schemas.Report.properties).sort())
})

test('a campaign nothing has happened to has a report too', async () => {
  const { id } = (await api.call('POST', '/v1/campaigns', { json: aCampaign })).body
  const { status, body } = await api.call('GET', `/v1/campaigns/${id}/report`)
  expect([status, body.funnel.sent.count, body.coefficients.trust.value]).toEqual([200, 0, null])
})

test.each([
  ['', {}, 'en'],
  ['', { 'accept-language': 'de, fr-CA;q=0.8, en;q=0.5' }, 'fr'],
  ['', { 'accept-language': 'en-GB, fr;q=0.5' }, 'en'],
  ['?lang=fr', { 'accept-language': 'en' }, 'fr'],
  ['?lang=en', { 'accept-language': 'fr' }, 'en'],
])('the picture%s with %o is in %s', async (query, headers, lang) => {
  const { status, headers: answered, text } = await api.call('GET', `${path}/funnel.svg${query}`, { headers })
  expect(status).toBe(200)
  expect(answered.get('content-type')).toBe('image/svg+xml; charset=utf-8')
  expect(text).toMatch(new RegExp(`^<svg .*lang="${lang}"`))
  expect(text).toContain(aCampaign.name)
})

test('a language it does not have is refused', async () => {
  const { status, body } = await api.call('GET', `${path}/funnel.svg?lang=de`)
  expect([status, body.errors[0].field]).toEqual([400, '?lang'])
})
