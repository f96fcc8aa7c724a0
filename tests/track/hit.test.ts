import { expect, test } from 'vitest'
import type { Link } from '../../shared/facts.ts'
import { hitOf } from '../../shared/track/hit.ts'
import { readVisit, type VisitEvent } from '../../shared/track/visit.ts'
import { visitorHash } from '../../shared/track/visitor.ts'

const t = Date.UTC(2026, 10, 24)
const agent = 'Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0'
const plain: Link = {
  type: 'link',
  ws: 'ws_1',
  host: 'h.example',
  slug: 'promo',
  kind: 'plain',
  destination: 'https://example.org/',
  createdAt: t,
}

function visit(headers: Record<string, string> = {}, rawQueryString = '', method = 'GET') {
  const event: VisitEvent = {
    rawQueryString,
    headers: { 'user-agent': agent, ...headers },
    requestContext: { http: { method, sourceIp: '192.0.2.1' } },
  }
  return readVisit(event)
}
const visitor = visitorHash('salt', 'h.example', '192.0.2.1', agent)

test('a bare visit on a plain link leaves only what is there', () => {
  expect(hitOf(plain, visit(), t, 'salt')).toEqual({ t, s: 'promo', k: 'plain', v: visitor, ua: agent })
})

test('a relay link gives its clock, generation, segments and owner', () => {
  const link: Link = {
    ...plain,
    kind: 'relay',
    sentAt: t - 9000,
    generation: 2,
    segments: { lang: 'fr' },
    owner: visitor,
  }
  expect(hitOf(link, visit(), t, 'salt')).toMatchObject({ k: 'relay', w: t - 9000, g: 2, sg: { lang: 'fr' }, o: 1 })
  expect(hitOf({ ...link, owner: 'somebody-else-16' }, visit(), t, 'salt')).not.toHaveProperty('o')
})

test('of the headers it keeps what is coarse', () => {
  const headers = {
    referer: 'https://www.example.net/a/private/page?who=me',
    'accept-language': 'fr-CA,fr;q=0.9,en;q=0.8',
    'cloudfront-viewer-country': 'CA',
  }
  expect(hitOf(plain, visit(headers), t, 'salt')).toMatchObject({ r: 'www.example.net', la: 'fr', co: 'CA' })
})

test.each([
  ['referer', 'not a url'],
  ['accept-language', '*'],
  ['cloudfront-viewer-country', 'nowhere'],
  ['cf-ipcountry', 'T1'],
])('of %s: %s it keeps nothing', (name, value) => {
  expect(Object.keys(hitOf(plain, visit({ [name]: value }), t, 'salt')).sort()).toEqual(['k', 's', 't', 'ua', 'v'])
})

test('a user agent is cut at 256 characters, after it was hashed and classed', () => {
  const long = `${agent} ${'x'.repeat(500)} bot`
  const hit = hitOf(plain, visit({ 'user-agent': long }), t, 'salt')
  expect(hit.ua).toBe(long.slice(0, 256))
  expect(hit).toMatchObject({ b: 'crawler', v: visitorHash('salt', 'h.example', '192.0.2.1', long) })
})

test.each([
  ['pa_me=1', 'operator'],
  ['a=b&pa_me=1', 'operator'],
  ['xpa_me=1', undefined],
  ['pa_me=11', undefined],
])('?%s is %s', (query, reason) => expect(hitOf(plain, visit({}, query), t, 'salt').b).toBe(reason))
