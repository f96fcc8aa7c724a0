/** What a recipient and a visitor can do on the pages, and what it counts for: real tables, stream, roll-up and HTTP. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { QueryCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createPage } from '../../functions/relay/page.ts'
import { wireRedirect } from '../../functions/track/redirect.ts'
import { createRollup } from '../../functions/track/rollup.ts'
import { createHttpServer } from '../../local/http.ts'
import { drainedAt, type Feed, startFeed } from '../../local/stream.ts'
import { stopToken } from '../../shared/broadcast/stop-token.ts'
import { env } from '../../shared/env.ts'
import type { Campaign, Link, Relay } from '../../shared/facts.ts'
import { newId, newSlug } from '../../shared/id.ts'
import type { Clock } from '../../shared/ports/clock.ts'
import { createCampaigns } from '../../shared/table/campaigns.ts'
import { createTable, type Table } from '../../shared/table/client.ts'
import { keys } from '../../shared/table/keys.ts'
import { createLinks } from '../../shared/table/links.ts'
import { createRecipients } from '../../shared/table/recipients.ts'
import { createSalts } from '../../shared/table/salts.ts'
import { createSignedClient } from '../../shared/table/signed.ts'
import { createTotals } from '../../shared/table/totals.ts'
import { createTurns } from '../../shared/table/turns.ts'
import { totalNames } from '../../shared/track/total-names.ts'
import { operatorMark } from '../../shared/track/visit.ts'
import { type Engines, startEngines } from '../engines.ts'

const ws = 'ws_relay'
const host = '127.0.0.1:3000'
const hourMs = 3_600_000
const windowMs = 72 * hourMs
/** Ten past a half-hour, early in a UTC day. */
const startMs = Date.UTC(2026, 8, 7, 8, 10)

/** Campaign time stands still until a test moves it. */
let now = startMs
const clock: Clock = { wall: Date.now, campaign: () => now, wallMs: (ms) => ms }

let engines: Engines
let server: Server
let base: string
let table: Table
let feed: Feed

beforeAll(async () => {
  engines = await startEngines({ PUBLIC_URL: `http://${host}` })
  table = createTable()
  const client = createSignedClient({ region: env.region(), endpoint: env.dynamodbEndpoint() })
  const page = createPage({
    publicUrl: env.publicUrl(),
    links: createLinks(table),
    campaigns: createCampaigns(table),
    totals: createTotals(table),
    salts: createSalts({ client, table: env.table('ephemera'), clock }),
    clock,
  })
  const pages = ['GET /', 'ANY /p/{slug}', 'ANY /via/{slug}', 'ANY /stop/{token}']
  const routes = [
    ...pages.map((route) => ({ route, handler: page })),
    { route: 'ANY /{slug}', handler: wireRedirect(clock) },
  ]
  server = createHttpServer({ routes, trustProxy: 1 }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  feed = await startFeed({ ...stream(), batchSize: 1000, handler: createRollup(table) })
})

afterAll(async () => {
  await feed?.stop()
  server?.close()
  table?.destroy()
  await engines?.stop()
})

beforeEach(() => {
  now = startMs
})

const stream = () => ({
  endpoint: engines.endpoint,
  table: env.table('facts'),
  checkpoint: (shard: string) => createTotals(table).readCheckpoint(shard),
})

interface Client {
  ip: string
  userAgent: string
  language?: string
  headers?: Record<string, string>
}

const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0'
const googlebot = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'
let clients = 0

/** Somebody else than everybody before. */
function somebody(more: Partial<Client> = {}): Client {
  const n = clients++
  return { ip: `198.18.${n >> 8}.${n & 255}`, userAgent: firefox, ...more }
}

type Form = Record<string, string> | string | Uint8Array<ArrayBuffer>

async function ask(client: Client, method: string, path: string, form?: Form) {
  const headers = {
    'user-agent': client.userAgent,
    'x-forwarded-for': client.ip,
    'accept-language': client.language ?? 'en',
    ...client.headers,
  }
  const body = typeof form === 'object' && !(form instanceof Uint8Array) ? new URLSearchParams(form) : form
  const response = await fetch(base + path, {
    method,
    headers,
    redirect: 'manual',
    ...(body !== undefined && { body }),
  })
  return { status: response.status, headers: response.headers, html: await response.text() }
}

type Answer = Awaited<ReturnType<typeof ask>>

const press = (client: Client, path: string, channel: string, text = 'Read:') =>
  ask(client, 'POST', path, { channel, text })

/** The relay link a press on X was answered with, as a path. */
function relayLinkOf(answer: Answer): string {
  expect(answer.status).toBe(303)
  const location = new URL(answer.headers.get('location')!)
  expect(`${location.origin}${location.pathname}`).toBe('https://x.com/intent/tweet')
  const url = new URL(location.searchParams.get('url')!)
  expect(url.origin).toBe(`http://${host}`)
  expect(url.pathname).toMatch(/^\/[0-9A-Za-z]{10}$/)
  return url.pathname
}

/** A campaign under way and one recipient's ask link, sent an hour ago. */
async function campaign(more: Partial<Campaign> = {}, link: Partial<Link> = {}) {
  const cmp = newId('cmp')
  const facts: Campaign = {
    type: 'campaign',
    ws,
    id: cmp,
    name: 'Test',
    sender: 'Camille Roux',
    state: 'tracking',
    delivery: 'x_dm',
    privacy: 'aggregate',
    destination: 'https://example.org/article',
    message: '{{ link }}',
    relayText: 'Worth your time:',
    account: 'acc_1',
    windowMs,
    passItOn: false,
    createdAt: 0,
    recipients: 1,
    version: 1,
    ...more,
  }
  await createCampaigns(table).create(facts)
  const slug = await askLink(facts, link)
  return { cmp, slug, p: `/p/${slug}.${tokenOf(slug)}` }
}

/** Of the person the ask link was sent to: it travels in the address alone. */
const tokenOf = (slug: string): string => stopToken('secret', ws, slug)

async function askLink({ id: cmp, destination }: Pick<Campaign, 'id' | 'destination'>, more: Partial<Link> = {}) {
  const slug = newSlug()
  const segments = { lang: 'fr', tier: '100-999' as const }
  const about = { ws, host, slug, cmp, destination, windowMs, segments, createdAt: now - hourMs }
  const link: Link = { type: 'link', kind: 'ask', ...about, sentAt: now - hourMs, ...more }
  expect(await createLinks(table).create(link)).toBe('created')
  return slug
}

/** The campaign's totals once the roll-up has folded everything. */
async function totalsOf(cmp: string): Promise<Record<string, number>> {
  await vi.waitFor(async () => expect(await drainedAt(stream())).toBeDefined(), { timeout: 20_000, interval: 20 })
  return createTotals(table).readCampaign(ws, cmp)
}

const linkTotal = (cmp: string, path: string) =>
  createTotals(table).readLink(ws, cmp, totalNames.link('relay', host, path.slice(1)))

async function relaysOf(cmp: string): Promise<Relay[]> {
  const { Items = [] } = await table.send(
    new QueryCommand({
      TableName: env.table('facts'),
      KeyConditionExpression: 'pk = :pk AND begins_with(sk, :relays)',
      ExpressionAttributeValues: { ':pk': keys.relay(ws, cmp, '').pk, ':relays': 'RLY#' },
      ConsistentRead: true,
    }),
  )
  return Items as Relay[]
}

const plain = (html: string) => html.replaceAll(/[\u00a0\u202f]/g, ' ')

describe('the relay page', () => {
  test('shows who asks, the text, every button and what is kept, in the language of the browser', async () => {
    const { p } = await campaign({ postId: '1234567890' })
    const french = await ask(somebody({ language: 'fr-CA,fr;q=0.9,en;q=0.5' }), 'GET', p)
    const english = await ask(somebody({ language: 'de,en;q=0.7,fr;q=0.3' }), 'GET', p)
    for (const { status, html } of [french, english]) {
      expect(status).toBe(200)
      expect(html).toContain('Camille Roux')
      expect(html).toMatch(/<textarea[^>]*>\nWorth your time:<\/textarea>/)
      expect(html).toContain(`<form method="post" action="${p}">`)
      for (const channel of ['x', 'x_repost', 'bluesky', 'linkedin', 'whatsapp', 'email', 'copy', 'not_this_time'])
        expect(html).toContain(`name="channel" value="${channel}"`)
    }
    expect(french.html).toContain('<html lang="fr">')
    expect(plain(french.html)).toContain('sans cookie ; l’adresse IP n’est pas conservée.')
    expect(french.html).toContain('Pas cette fois')
    expect(english.html).toContain('<html lang="en">')
    expect(english.html).toContain('Not this time')
  })

  test('is small, runs nothing, keeps nothing: headers, policy and weight', async () => {
    const { p } = await campaign({ relayText: 'é'.repeat(1000), sender: 'É'.repeat(100), postId: '1' })
    for (const language of ['fr', 'en']) {
      const { headers, html } = await ask(somebody({ language }), 'GET', p)
      expect(Buffer.byteLength(html)).toBeLessThan(15_000)
      expect(headers.get('content-type')).toBe('text/html; charset=utf-8')
      expect(headers.get('cache-control')).toBe('private, no-store')
      expect(headers.has('set-cookie')).toBe(false)
      const style = /<style>([\s\S]*?)<\/style>/.exec(html)![1]!
      const hash = createHash('sha256').update(style).digest('base64')
      const policy = headers.get('content-security-policy')!
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain(`style-src 'sha256-${hash}'`)
      expect(policy).not.toContain('unsafe')
      expect(html).not.toMatch(/<script|<link|<img|<iframe|\sstyle=|\son\w+=/i)
    }
  })

  test('words from outside stay words', async () => {
    const evil = `</textarea></title><script>alert(1)</script><img src=x onerror='a("b")'>`
    const { p } = await campaign({ sender: evil, relayText: evil, passItOn: true })
    const client = somebody()
    const pressed = await press(client, p, 'copy', `${evil} "mine"`)
    const via = `/via/${/127\.0\.0\.1:3000\/(\w{10})/.exec(pressed.html)![1]}`
    const token = /\/stop\/[\w.-]+/.exec((await ask(somebody(), 'GET', (await campaign({ sender: evil })).p)).html)![0]
    const shown = [
      pressed,
      await ask(client, 'GET', p),
      await ask(somebody(), 'GET', via),
      await press(somebody(), via, evil),
      await press(client, p, 'not_this_time'),
      await ask(somebody(), 'GET', token),
      await ask(somebody(), 'POST', token),
    ]
    expect(shown.map(({ status }) => status)).toEqual([200, 200, 200, 400, 200, 200, 200])
    for (const { html } of shown) {
      expect(html).toContain('&lt;script&gt;')
      expect(html).not.toMatch(/<script|<img/i)
    }
    expect(pressed.html).toContain('&quot;mine&quot;')
  })

  test('a text cannot break out of the address it goes into, nor add a header', async () => {
    const { p } = await campaign()
    const answer = await press(somebody(), p, 'x', 'a&url=https://evil.example\r\nset-cookie: a=1 \ud800 #é')
    relayLinkOf(answer)
    expect(answer.headers.has('set-cookie')).toBe(false)
    const location = new URL(answer.headers.get('location')!)
    expect(location.searchParams.getAll('url')).toHaveLength(1)
    expect(location.searchParams.get('text')).toMatch(/^a&url=https:\/\/evil\.example\r\nset-cookie: a=1 � #é$/)
    expect(location.hash).toBe('')
  })

  test('opening it, as a person, a prefetch or a HEAD does, mints nothing', async () => {
    const { cmp, p, slug } = await campaign()
    const opened = await ask(somebody(), 'GET', p)
    await ask(somebody({ headers: { 'sec-purpose': 'prefetch;prerender' } }), 'GET', p)
    const head = await ask(somebody(), 'HEAD', p)
    expect(head).toMatchObject({ status: 200, html: '' })
    expect(head.headers.get('content-length')).toBe(String(Buffer.byteLength(opened.html)))
    for (const method of ['PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      const refused = await ask(somebody(), method, p)
      expect([method, refused.status, refused.headers.get('allow')]).toEqual([method, 405, 'GET, HEAD, POST'])
    }
    expect(await relaysOf(cmp)).toEqual([])
    expect(await totalsOf(cmp)).toEqual({})
    expect(await createLinks(table).get(host, slug)).not.toHaveProperty('firstReadAt')
  })

  test('is for an ask link alone, and the pass-it-on page for a relay link alone', async () => {
    const { p, slug, cmp } = await campaign()
    const relay = relayLinkOf(await press(somebody(), p, 'x')).slice(1)
    const odd = [newSlug(), relay, '%252e', 'a b', "'--", `${slug}.x`, slug.toLowerCase().toUpperCase(), '%ff']
    for (const name of odd) {
      const { status, html } = await ask(somebody(), 'GET', `/p/${encodeURI(name)}`)
      expect([name, status]).toEqual([name, 404])
      expect(html).toContain('This link leads nowhere.')
    }
    for (const path of [`/via/${slug}`, `/via/${newSlug()}`])
      expect((await press(somebody(), path, 'x')).status, path).toBe(404)
    expect(await relaysOf(cmp)).toHaveLength(1)
  })

  test.each([
    ['switched off', { disabledAt: startMs - 1 }],
    ['expired', { expiresAt: startMs }],
    ['erased', { erasedAt: startMs - 1 }],
  ])('of a link that is %s is gone, for a press too', async (_, state) => {
    const { cmp, p } = await campaign({}, state)
    expect((await ask(somebody({ language: 'fr' }), 'GET', p)).status).toBe(410)
    const pressed = await press(somebody({ language: 'fr' }), p, 'x')
    expect([pressed.status, pressed.headers.has('location')]).toEqual([410, false])
    expect(pressed.html).toContain('Ce lien a été désactivé.')
    expect(await relaysOf(cmp)).toEqual([])
  })

  test('of a link sent under an earlier public address is still there, and so is what is minted behind it', async () => {
    const earlier = new URL(base).host
    const { slug } = await campaign({}, { host: earlier })
    expect((await ask(somebody(), 'GET', `/p/${slug}`)).status).toBe(200)
    const { headers } = await press(somebody(), `/p/${slug}`, 'x')
    const relay = new URL(new URL(headers.get('location')!).searchParams.get('url')!)
    expect(relay.host).toBe(earlier)
    const followed = await ask(somebody(), 'GET', relay.pathname)
    expect([followed.status, followed.headers.get('location')]).toEqual([302, 'https://example.org/article'])
  })

  test('the home page says what the links are', async () => {
    const { status, html } = await ask(somebody({ language: 'fr' }), 'GET', '/')
    expect(status).toBe(200)
    expect(html).toContain(host)
  })
})

describe('a press', () => {
  test('mints one relay link that leads to the destination, and goes on to X with it', async () => {
    const { cmp, p, slug } = await campaign()
    const answer = await press(somebody(), p, 'x', 'My words')
    const relay = relayLinkOf(answer)
    expect(answer.headers.get('cache-control')).toBe('private, no-store')
    expect(new URL(answer.headers.get('location')!).searchParams.get('text')).toBe('My words')
    const link = (await createLinks(table).get(host, relay.slice(1)))!
    const ofAsk = { parent: slug, generation: 1, sentAt: startMs - hourMs, segments: { lang: 'fr', tier: '100-999' } }
    expect(link).toMatchObject({ ws, cmp, kind: 'relay', windowMs, ...ofAsk })
    const followed = await ask(somebody(), 'GET', relay)
    expect([followed.status, followed.headers.get('location')]).toEqual([302, 'https://example.org/article'])
    expect(await totalsOf(cmp)).toMatchObject({ readers: 1, relays: 1, channel_x: 1 })
  })

  test('goes on to the channel that was chosen, or shows the link', async () => {
    const { cmp, p } = await campaign({ postId: '99' })
    const client = somebody()
    const relay = `http://${host}${relayLinkOf(await press(client, p, 'x'))}`
    for (const [channel, origin] of [
      ['bluesky', 'https://bsky.app'],
      ['whatsapp', 'https://wa.me'],
    ] as const) {
      const { status, headers } = await press(client, p, channel, 'Hear')
      const location = new URL(headers.get('location')!)
      expect([status, location.origin, location.searchParams.get('text')]).toEqual([303, origin, `Hear ${relay}`])
    }
    for (const [channel, shown] of [
      ['copy', `Hear ${relay}`],
      ['x_repost', 'https://x.com/intent/retweet?tweet_id=99'],
      ['linkedin', 'https://www.linkedin.com/sharing/share-offsite/?url='],
      ['email', 'mailto:?subject=Camille%20Roux&amp;body=Hear'],
    ] as const) {
      const { status, html } = await press(client, p, channel, 'Hear')
      expect(status).toBe(200)
      expect(html).toContain(shown)
      expect(html).toContain(`<p class="copy">${relay}</p>`)
    }
    expect(await totalsOf(cmp)).toMatchObject({ relays: 1, channel_x: 1 })
  })

  test('again, even ten at once and from another device, is the same relay with the same link', async () => {
    const { cmp, p } = await campaign()
    const client = somebody()
    const answers = await Promise.all(Array.from({ length: 10 }, () => press(client, p, 'x')))
    const links = new Set([...answers, await press(somebody(), p, 'x')].map(relayLinkOf))
    expect(links.size).toBe(1)
    expect(await relaysOf(cmp)).toHaveLength(1)
    const { readers, relays } = await totalsOf(cmp)
    expect([readers, relays]).toEqual([1, 1])
  })

  test('“not this time” mints nothing', async () => {
    const { cmp, p } = await campaign()
    const { status, html } = await press(somebody({ language: 'fr' }), p, 'not_this_time')
    expect([status, html.includes('C’est noté.')]).toEqual([200, true])
    expect(await relaysOf(cmp)).toEqual([])
    expect(await totalsOf(cmp)).toEqual({})
  })

  test.each<[string, Form]>([
    ['an unknown channel', { channel: 'telegram', text: 'kept words' }],
    ['no channel', { text: 'kept words' }],
    ['a repost of no post', { channel: 'x_repost', text: 'kept words' }],
    ['a name of the prototype', { channel: '__proto__', text: 'kept words' }],
  ])('of %s is asked again, with the text as it was', async (_, form) => {
    const { cmp, p } = await campaign()
    const { status, html } = await ask(somebody({ language: 'fr' }), 'POST', p, form)
    expect(status).toBe(400)
    expect(html).toContain('role="alert"')
    expect(html).toMatch(/<textarea[^>]*>\nkept words<\/textarea>/)
    expect(await relaysOf(cmp)).toEqual([])
  })

  test.each<[string, Form]>([
    ['nothing', ''],
    ['bytes', Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919) & 255)],
    ['a broken percent sign', 'channel=%E0%A4%A&text=%'],
    ['JSON', '{"channel":"x"}'],
    ['a million signs', '&='.repeat(500_000)],
  ])('of %s is asked again', async (_, body) => {
    const { cmp, p } = await campaign()
    expect((await ask(somebody(), 'POST', p, body)).status).toBe(400)
    expect(await relaysOf(cmp)).toEqual([])
  })

  test('by a machine is kept apart, never counted, and never stands in the person’s place', async () => {
    const { cmp, p } = await campaign()
    const machine = somebody({ userAgent: googlebot })
    const machines = relayLinkOf(await press(machine, p, 'x'))
    expect(relayLinkOf(await press(somebody({ userAgent: googlebot }), p, 'x'))).toBe(machines)
    // Whoever follows its link gets there, and no relay has brought them.
    const followed = await ask(somebody(), 'GET', machines)
    expect([followed.status, followed.headers.get('location')]).toEqual([302, 'https://example.org/article'])
    expect((await press(somebody(), `/via${machines}`, 'x')).status).toBe(404)
    expect(await totalsOf(cmp)).toEqual({})
    // The person still finds the form, and their own relay.
    expect((await ask(somebody(), 'GET', p)).html).toContain('<textarea')
    expect(relayLinkOf(await press(somebody(), p, 'x'))).not.toBe(machines)
    const { readers, relays } = await totalsOf(cmp)
    expect([readers, relays]).toEqual([1, 1])
    expect((await relaysOf(cmp)).map(({ bot }) => bot).sort()).toEqual(['crawler', undefined])
  })

  test('is a machine’s within two seconds of the message, without a user agent, or under the operator’s mark', async () => {
    const { cmp, p } = await campaign({}, { sentAt: startMs - 1999 })
    await press(somebody(), p, 'x')
    now += 1
    await press(somebody({ userAgent: ' ' }), p, 'x')
    await press(somebody(), `${p}?${operatorMark}`, 'x')
    expect(await totalsOf(cmp)).toEqual({})
    await press(somebody(), p, 'x')
    expect(await totalsOf(cmp)).toMatchObject({ readers: 1, relays: 1 })
  })

  test('counts up to the last millisecond of the window; later it is a late relay and no read', async () => {
    const { cmp, p } = await campaign()
    const other = `/p/${await askLink({ id: cmp, destination: 'https://example.org/' })}`
    now = startMs - hourMs + windowMs
    const inTime = relayLinkOf(await press(somebody(), p, 'x'))
    now += 1
    const late = relayLinkOf(await press(somebody(), other, 'x'))
    for (const link of [inTime, late]) expect((await ask(somebody(), 'GET', link)).status).toBe(302)
    const totals = await totalsOf(cmp)
    expect(totals).toMatchObject({ readers: 1, relays: 1, lateRelays: 1, outOfWindow: 2 })
    expect(totals).not.toHaveProperty('visits')
  })

  test('is a read, even when the hit was lost, so relays never outnumber readers', async () => {
    const { cmp, p, slug } = await campaign()
    await press(somebody(), p, 'copy')
    // A second recipient whose hit is there, later than their press.
    const other = await askLink({ id: cmp, destination: 'https://example.org/' })
    await press(somebody(), `/p/${other}`, 'copy')
    now += hourMs
    const sent = `${other}.${tokenOf(other)}`
    expect((await ask(somebody(), 'GET', `/${sent}`)).headers.get('location')).toBe(`/p/${sent}`)
    expect(await totalsOf(cmp)).toMatchObject({ readers: 2, relays: 2, hits: 1 })
    for (const one of [slug, other])
      expect(await createLinks(table).get(host, one)).toMatchObject({ firstReadAt: startMs })
  })

  test('once made, the page behind the ask link shows the link and what it brought', async () => {
    const { cmp, p } = await campaign()
    const client = somebody()
    const relay = relayLinkOf(await press(client, p, 'x'))
    expect((await ask(client, 'GET', p)).html).toContain('Your relay has not brought a visit yet.')
    for (let i = 0; i < 3; i++) await ask(somebody(), 'GET', relay)
    await totalsOf(cmp)
    const { html } = await ask(client, 'GET', p)
    expect(html).toContain(`<p class="copy">http://${host}${relay}</p>`)
    expect(html).toContain('Your relay brought 3 visits.')
    expect(plain((await ask({ ...client, language: 'fr' }, 'GET', p)).html)).toContain('a amené 3 visites.')
  })
})

describe('what a relay brings', () => {
  test('others’ visits, one per visitor and half-hour; not the relayer’s own, not machines’', async () => {
    const { cmp, p } = await campaign()
    const relayer = somebody()
    const relay = relayLinkOf(await press(relayer, p, 'x'))
    const visitor = somebody()
    const visit = async (client: Client, method = 'GET') => {
      const { status, headers } = await ask(client, method, relay)
      expect([status, headers.get('location')]).toEqual([302, 'https://example.org/article'])
    }
    await visit(relayer)
    await visit(somebody({ userAgent: googlebot }))
    await visit(somebody({ userAgent: '' }))
    await visit(somebody({ headers: { 'sec-purpose': 'prefetch' } }))
    await visit(visitor, 'HEAD')
    expect(await totalsOf(cmp)).toMatchObject({ hits: 5, bots: 4, ownHits: 1, relays: 1 })
    expect((await totalsOf(cmp)).visits).toBeUndefined()
    await visit(visitor)
    now += 20 * 60_000 - 1
    await visit(visitor)
    expect((await totalsOf(cmp)).visits).toBe(1)
    now += 1
    await visit(visitor)
    // The same browser behind another address is another visitor, as is another browser behind the same one.
    await visit(somebody())
    await visit({ ...visitor, userAgent: `${firefox} x` })
    expect(await totalsOf(cmp)).toMatchObject({ visits: 4, visitorDays: 3, hits: 10 })
    expect(await linkTotal(cmp, relay)).toMatchObject({ relays: 1, visits: 4, visitorDays: 3 })
  })

  test('concurrent visits are each counted once', async () => {
    const { cmp, p } = await campaign()
    const relay = relayLinkOf(await press(somebody(), p, 'x'))
    const visitors = Array.from({ length: 60 }, () => somebody())
    await Promise.all([...visitors, ...visitors].map((client) => ask(client, 'GET', relay)))
    expect(await totalsOf(cmp)).toMatchObject({ hits: 120, visits: 60, visitorDays: 60, relays: 1, readers: 1 })
  })

  test('a visitor relays in turn: the next generation, on the same clock, counted apart', async () => {
    const { cmp, p } = await campaign({ passItOn: true, destination: 'https://example.org/a?b=1#c' })
    const relayer = somebody()
    const first = relayLinkOf(await press(relayer, p, 'x'))
    const visitor = somebody({ language: 'fr' })
    const led = await ask(visitor, 'GET', first)
    expect(led.headers.get('location')).toBe(`https://example.org/a?b=1&via=${first.slice(1)}#c`)
    const via = `/via${first}`
    const page = await ask(visitor, 'GET', via)
    expect(page.status).toBe(200)
    expect(page.html).toContain('Vous pouvez la relayer à votre tour.')
    // There is nobody to stop asking.
    expect(page.html).not.toMatch(/not_this_time|\/stop\//)
    now += hourMs
    const second = relayLinkOf(await press(visitor, via, 'x'))
    expect(relayLinkOf(await press(visitor, via, 'x'))).toBe(second)
    expect(await createLinks(table).get(host, second.slice(1))).toMatchObject({
      kind: 'relay',
      generation: 2,
      parent: first.slice(1),
      sentAt: startMs - hourMs,
      segments: { lang: 'fr' },
      via: true,
    })
    const third = relayLinkOf(await press(somebody(), `/via${second}`, 'x'))
    for (const link of [second, second, third]) await ask(somebody(), 'GET', link)
    await ask(visitor, 'GET', second)
    expect(await totalsOf(cmp)).toMatchObject({
      readers: 1,
      relays: 1,
      visits: 1,
      laterRelays: 2,
      laterVisits: 3,
      ownHits: 1,
    })
    expect((await relaysOf(cmp)).map(({ generation }) => generation).sort()).toEqual([1, 2, 3])
    expect(await linkTotal(cmp, second)).toMatchObject({ laterRelays: 1, laterVisits: 2 })
  })

  test('many stand behind a relay link: each visitor who presses has a link of their own, a machine counts for nobody', async () => {
    const { cmp, p } = await campaign({ passItOn: true })
    const via = `/via${relayLinkOf(await press(somebody(), p, 'x'))}`
    const machine = relayLinkOf(await press(somebody({ userAgent: googlebot }), via, 'x'))
    const links = [await press(somebody(), via, 'x'), await press(somebody(), via, 'x')].map(relayLinkOf)
    expect(new Set([...links, machine]).size).toBe(3)
    const { relays, laterRelays } = await totalsOf(cmp)
    expect([relays, laterRelays]).toEqual([1, 2])
  })

  test('relayers who press on the page behind their own link get that link, and nothing new', async () => {
    const { cmp, p } = await campaign({ passItOn: true })
    const relayer = somebody()
    const relay = relayLinkOf(await press(relayer, p, 'x'))
    expect(relayLinkOf(await press(relayer, `/via${relay}`, 'x'))).toBe(relay)
    expect((await press(relayer, `/via${relay}`, 'copy')).html).toContain(`http://${host}${relay}`)
    expect(await relaysOf(cmp)).toHaveLength(1)
    expect((await totalsOf(cmp)).laterRelays).toBeUndefined()
  })
})

describe('“don’t ask me again”', () => {
  /** The stop page's address as the relay page gives it. */
  async function stopOf(p: string): Promise<{ path: string; token: string }> {
    const path = /href="(\/stop\/[^"]+)"/.exec((await ask(somebody(), 'GET', p)).html)![1]!
    return { path, token: path.split('.').at(-1)! }
  }

  const stopped = (token: string) => createLinks(table).isSuppressed(ws, token)

  test('opening the page stops nothing, pressing does, at once and for good', async () => {
    const { p } = await campaign()
    const { path, token } = await stopOf(p)
    const page = await ask(somebody({ language: 'fr' }), 'GET', path)
    expect(plain(page.html)).toContain('Ne plus recevoir de demande de Camille Roux ?')
    await ask(somebody({ headers: { 'sec-purpose': 'prefetch' } }), 'GET', path)
    await ask(somebody(), 'HEAD', path)
    expect((await ask(somebody(), 'PUT', path)).status).toBe(405)
    expect(await stopped(token)).toBe(false)
    const client = somebody({ language: 'fr' })
    for (const method of ['POST', 'POST', 'GET']) {
      const { status, html } = await ask(client, method, path)
      expect([status, html.includes('Camille Roux ne vous sollicitera plus.')]).toEqual([200, true])
      expect(await stopped(token)).toBe(true)
    }
  })

  test('is offered where the address names the person, and is nowhere in what is kept or spread', async () => {
    const { cmp, slug, p } = await campaign()
    const { token } = await stopOf(p)
    expect(token).toBe(tokenOf(slug))
    const bare = await ask(somebody(), 'GET', `/p/${slug}`)
    expect(bare.status).toBe(200)
    expect(bare.html).not.toContain('/stop/')
    expect((await ask(somebody(), 'GET', `/p/${slug}.${token.slice(1)}`)).status).toBe(404)
    // A press that goes wrong keeps it; a relay link never has it.
    expect((await press(somebody(), p, 'telegram')).html).toContain(`/stop/${ws}.${cmp}.${token}`)
    const relay = relayLinkOf(await press(somebody(), p, 'x'))
    const stored = JSON.stringify([await relaysOf(cmp), await createLinks(table).get(host, relay.slice(1))])
    expect(stored).not.toContain(token)
  })

  test('the person is then suppressed in the claim of any other campaign, and nobody else is', async () => {
    const { p } = await campaign()
    const { path, token } = await stopOf(p)
    await ask(somebody(), 'POST', path)
    const account = newId('acc')
    const campaigns = createCampaigns(table)
    const { cmp } = await campaign({ account, state: 'draft' })
    const rows = ['1', '2'].map((xUserId) => ({
      status: 'pending' as const,
      xUserId,
      handle: 'h',
      name: 'N',
      segments: {},
    }))
    const recipients = createRecipients(table)
    await recipients.add(ws, cmp, rows)
    await campaigns.move((await campaigns.get(ws, cmp))!, 'sending', now)
    const sending = (await campaigns.get(ws, cmp))!
    const turns = createTurns(table)
    const turn = await turns.ensure(ws, account, Date.now())
    const [first, second] = await recipients.list(ws, cmp, 0, 2)
    const about = {
      type: 'link' as const,
      ws,
      host,
      kind: 'ask' as const,
      destination: 'https://example.org/',
      createdAt: now,
    }
    const claim = (recipient: typeof first, stop: string) => {
      const link = { ...about, slug: newSlug() }
      const attempt = { attempt: newId('att'), deadlineWall: Date.now() + 60_000 }
      return turns.claim({ turn, recipient: recipient!, campaign: sending, link, stopToken: stop, ...attempt })
    }
    expect(await claim(first, token)).toBe('suppressed')
    expect(await claim(second, stopToken('secret', ws, 'another'))).toBe('claimed')
  })

  test('lasts after the ask link: expired or switched off, its stop page still works', async () => {
    const { p } = await campaign({}, { expiresAt: startMs + 1 })
    const { path, token } = await stopOf(p)
    now += 400 * 24 * hourMs
    expect((await ask(somebody(), 'GET', p)).status).toBe(410)
    expect((await ask(somebody(), 'GET', path)).status).toBe(200)
    expect((await ask(somebody(), 'POST', path)).status).toBe(200)
    expect(await stopped(token)).toBe(true)
  })

  test('an address that names no campaign of its workspace, or no token, leads nowhere and stops nothing', async () => {
    const { cmp, p } = await campaign()
    const { token } = await stopOf(p)
    const odd = [
      token,
      `${ws}.${token}`,
      `ws_other.${cmp}.${token}`,
      `${ws}.${newId('cmp')}.${token}`,
      `${ws}.${cmp}.${token.slice(1)}`,
      `${ws}.${cmp}.${token}A`,
      `${ws}.${cmp}.`,
      `${ws}.${cmp}.${'é'.repeat(22)}`,
      `${ws}..${token}`,
      'a'.repeat(6000),
    ]
    for (const name of odd) {
      for (const method of ['GET', 'POST'])
        expect([name, method, (await ask(somebody(), method, `/stop/${encodeURI(name)}`)).status]).toEqual([
          name,
          method,
          404,
        ])
    }
    expect(await stopped(token)).toBe(false)
    expect(await createLinks(table).isSuppressed('ws_other', token)).toBe(false)
  })

  test('whatever a press carries, it is a press', async () => {
    const { p } = await campaign()
    const { path, token } = await stopOf(p)
    const bytes = Uint8Array.from({ length: 3000 }, (_, i) => (i * 31) & 255)
    expect((await ask(somebody(), 'POST', path, bytes)).status).toBe(200)
    expect(await stopped(token)).toBe(true)
  })
})
