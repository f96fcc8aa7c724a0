/**
 * The pages people see: the relay page behind an ask link, the pass-it-on page behind a relay link, the stop page.
 * Server-rendered, no script, no cookie; what changes something is a POST.
 */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import { env } from '../../shared/env.ts'
import type { Campaign, Language, Link, Relay, RelayChannel } from '../../shared/facts.ts'
import { type Clock, clockFromEnv } from '../../shared/ports/clock.ts'
import { intentHref } from '../../shared/relay/intents.ts'
import {
  gonePage,
  homePage,
  notFoundPage,
  notThisTimePage,
  passItOnPage,
  pickLanguage,
  pressedPage,
  relayPage,
  stopPage,
  styleHash,
} from '../../shared/relay/page-html.ts'
import { type Campaigns, createCampaigns } from '../../shared/table/campaigns.ts'
import { createTable } from '../../shared/table/client.ts'
import { createLinks, type Links } from '../../shared/table/links.ts'
import { createSalts, type Salts } from '../../shared/table/salts.ts'
import { createSignedClient } from '../../shared/table/signed.ts'
import { createTotals, type Totals } from '../../shared/table/totals.ts'
import { isOpen } from '../../shared/track/location.ts'
import { earlierHost, readPath } from '../../shared/track/slug.ts'
import { totalNames } from '../../shared/track/total-names.ts'
import { readVisit, type Visit } from '../../shared/track/visit.ts'
import { press, relayBefore } from './press.ts'

type Answer = APIGatewayProxyStructuredResultV2

export interface PageDeps {
  publicUrl: string
  links: Links
  campaigns: Campaigns
  totals: Totals
  salts: Salts
  clock: Clock
}

/** How somebody came to a page, and from which campaign. */
interface Came {
  link: Link
  campaign: Campaign
  lang: Language
  token: string | undefined
  visit: Visit
}

const channels: RelayChannel[] = ['x', 'bluesky', 'linkedin', 'whatsapp', 'email', 'copy']
/** These carry the text along, so that one press leads straight to the post, still to be edited. */
const straight = new Set<RelayChannel>(['x', 'bluesky', 'whatsapp'])
const longestText = 2000

export function createPage(deps: PageDeps) {
  const { host, protocol } = new URL(deps.publicUrl)

  return async function page(event: APIGatewayProxyEventV2): Promise<Answer> {
    const lang = pickLanguage(event.headers['accept-language'])
    const [, place = '', name = '', more] = event.rawPath.split('/')
    const { method } = event.requestContext.http
    if (method !== 'GET' && method !== 'HEAD' && method !== 'POST') return refused405()
    const pressed = method === 'POST'
    if (place === '') return html(200, homePage({ lang, publicUrl: deps.publicUrl }))
    if (more !== undefined) return html(404, notFoundPage({ lang }))
    if (place === 'stop') return await stop(name, lang, pressed)
    return await ask(event, place === 'p' ? 'ask' : 'relay', name, lang, pressed)
  }

  async function ask(
    event: APIGatewayProxyEventV2,
    kind: 'ask' | 'relay',
    name: string,
    lang: Language,
    pressed: boolean,
  ): Promise<Answer> {
    // Behind the slug, the message's link carries the recipient's stop token, which no link and no hit knows.
    const named = readPath(`/${name}`)
    const link = named && (await find(named.slug, event.headers.host))
    const campaign = link?.kind === kind && link.cmp ? await deps.campaigns.get(link.ws, link.cmp) : undefined
    if (!link || !campaign) return html(404, notFoundPage({ lang }))
    if (!isOpen(link, deps.clock.campaign())) return html(410, gonePage({ lang }))
    const came = { link, campaign, lang, token: named?.token, visit: readVisit(event) }
    if (pressed) return await relay(readForm(event), came)
    const before = kind === 'ask' ? await relayBefore(deps, link) : undefined
    if (before) return await thanks(before, came, before.channel, campaign.relayText)
    return html(200, form(came, campaign.relayText))
  }

  async function find(slug: string, asked: string | undefined): Promise<Link | undefined> {
    const link = await deps.links.get(host, slug)
    const earlier = link ? undefined : earlierHost(host, asked)
    return earlier === undefined ? link : deps.links.get(earlier, slug)
  }

  function form(came: Came, message: string, error?: string): string {
    const { link, campaign, lang } = came
    const { sender, destination } = campaign
    const page = { ...buttonsOf(came), lang, sender, message, destination, ...(error && { error }) }
    return link.kind === 'relay' ? passItOnPage(page) : relayPage(page)
  }

  /** What a press needs: where it goes, by which channels, and the way to say stop. */
  function buttonsOf({ link, campaign: { ws, id, postId }, token, visit: { operator } }: Came) {
    const offered: RelayChannel[] = postId ? ['x', 'x_repost', ...channels.slice(1)] : channels
    if (link.kind === 'relay' || !token) return { slug: link.slug, channels: offered, operator }
    // The stop link lasts longer than the ask link and does not name it.
    return { slug: `${link.slug}.${token}`, channels: offered, operator, stopHref: `/stop/${ws}.${id}.${token}` }
  }

  async function relay(fields: URLSearchParams, came: Came): Promise<Answer> {
    const { link, campaign, lang, visit } = came
    const asked = fields.get('channel') ?? ''
    if (asked === 'not_this_time') return html(200, notThisTimePage({ lang, sender: campaign.sender }))
    const channel = buttonsOf(came).channels.find((one) => one === asked)
    const text = (fields.get('text') ?? campaign.relayText).slice(0, longestText)
    if (!channel) return html(400, form(came, text, words[lang]))
    const made = await press(deps, { link, campaign, visit, channel })
    const location = straight.has(channel) ? intent(channel, made, campaign, text) : undefined
    if (location) return { statusCode: 303, headers: { ...headers, location } }
    return await thanks(made, came, channel, text)
  }

  async function thanks(made: Relay, came: Came, channel: RelayChannel, text: string): Promise<Answer> {
    const { campaign, lang, link } = came
    const total = await deps.totals.readLink(made.ws, made.cmp, totalNames.link('relay', made.host, made.slug))
    const visits = (total.visits ?? 0) + (total.laterVisits ?? 0)
    const intentHref = intent(channel, made, campaign, text)
    const more = { ...buttonsOf(came), place: link.kind === 'relay' ? ('/via/' as const) : ('/p/' as const) }
    const about = { lang, sender: campaign.sender, relayUrl: urlOf(made), channel, intentHref, text, visits, more }
    return html(200, pressedPage(about))
  }

  function intent(channel: RelayChannel, made: Relay, campaign: Campaign, text: string): string | undefined {
    const { sender, postId } = campaign
    return intentHref(channel, { text, url: urlOf(made), sender, ...(postId && { postId }) })
  }

  /** Where its link lives: the public address, or an earlier one this person came to. */
  function urlOf(made: Relay): string {
    return `${protocol}//${made.host}/${made.slug}`
  }

  async function stop(name: string, lang: Language, pressed: boolean): Promise<Answer> {
    const [ws, cmp, token] = name.split('.')
    const known = ws && cmp && token && /^[\w-]{22}$/.test(token) ? await deps.campaigns.get(ws, cmp) : undefined
    if (!ws || !token || !known) return html(404, notFoundPage({ lang }))
    const at = deps.clock.campaign()
    if (pressed) await deps.links.suppress({ type: 'suppression', ws, token, source: 'stop_page', at })
    const done = pressed || (await deps.links.isSuppressed(ws, token))
    return html(200, stopPage({ lang, sender: known.sender, token: name, done }))
  }
}

const words: Record<Language, string> = {
  fr: 'Choisissez l’un des boutons ci-dessous.',
  en: 'Choose one of the buttons below.',
}

function readForm(event: APIGatewayProxyEventV2): URLSearchParams {
  const body = event.body ?? ''
  return new URLSearchParams(event.isBase64Encoded ? Buffer.from(body, 'base64').toString('utf8') : body)
}

const headers = {
  'cache-control': 'private, no-store',
  'referrer-policy': 'no-referrer',
  'x-robots-tag': 'noindex',
  'x-content-type-options': 'nosniff',
  // A press may answer with a redirect to the channel, which form-action has to allow.
  'content-security-policy':
    `default-src 'none'; style-src ${styleHash}; base-uri 'none'; frame-ancestors 'none'; ` +
    "form-action 'self' https://x.com https://bsky.app https://wa.me https://api.whatsapp.com",
}

function html(statusCode: number, body: string): Answer {
  return { statusCode, headers: { ...headers, 'content-type': 'text/html; charset=utf-8' }, body }
}

function refused405(): Answer {
  return { statusCode: 405, headers: { ...headers, allow: 'GET, HEAD, POST' }, body: '' }
}

function wire(clock: Clock) {
  const table = createTable()
  const client = createSignedClient({ region: env.region(), endpoint: env.dynamodbEndpoint() })
  return createPage({
    publicUrl: env.publicUrl(),
    links: createLinks(table),
    campaigns: createCampaigns(table),
    totals: createTotals(table),
    salts: createSalts({ client, table: env.table('ephemera'), clock }),
    clock,
  })
}

let page: ReturnType<typeof createPage> | undefined

export const handler = (event: APIGatewayProxyEventV2): Promise<Answer> => {
  page ??= wire(clockFromEnv())
  return page(event)
}
