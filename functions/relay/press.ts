/**
 * A press on a relay button: mints the person's relay link, once per person and campaign, and says where to go on.
 *
 *     const relay = await press(deps, { link, campaign, visit, channel })
 */
import type { Campaign, Link, Relay, RelayChannel } from '../../shared/facts.ts'
import { newSlug } from '../../shared/id.ts'
import type { Clock } from '../../shared/ports/clock.ts'
import type { Links } from '../../shared/table/links.ts'
import type { Salts } from '../../shared/table/salts.ts'
import { classify } from '../../shared/track/classify.ts'
import type { Visit } from '../../shared/track/visit.ts'
import { visitorHash } from '../../shared/track/visitor.ts'

export interface PressDeps {
  links: Links
  salts: Salts
  clock: Clock
}

export interface Press {
  /** The ask link (generation 1) or somebody's relay link (the next generation) this person came through. */
  link: Link
  campaign: Campaign
  visit: Visit
  channel: RelayChannel
}

/** The relay of this person, new or as first pressed. */
export async function press(deps: PressDeps, { link, campaign, visit, channel }: Press): Promise<Relay> {
  const t = deps.clock.campaign()
  const visitor = visitorHash(await deps.salts.of(t), link.host, visit.ip, visit.userAgent)
  const own = link.kind === 'relay' && link.owner === visitor
  if (own) return ownRelay(link, campaign, channel)
  const bot = classify({ ...visit, t, sentAt: link.sentAt })
  const generation = (link.generation ?? 0) + 1
  const slug = newSlug()
  const { ws, host, sentAt, segments } = link
  const { id: cmp, windowMs } = campaign
  const about = {
    ws,
    cmp,
    host,
    slug,
    windowMs,
    generation,
    parent: link.slug,
    ...clockOf(sentAt),
    ...(segments && { segments }),
  }
  const relay: Relay = { type: 'relay', ...about, channel, pressedAt: t, ...(bot && { bot }) }
  const { destination, passItOn: via } = campaign
  // A machine's link is a plain one: it leads there, and no visit through it is the campaign's.
  const minted: Link = bot
    ? { type: 'link', kind: 'plain', ws, host, slug, destination, createdAt: t }
    : { type: 'link', kind: 'relay', ...about, destination, owner: visitor, via, createdAt: t }
  return deps.links.recordRelay(personOf(link, visitor, bot !== undefined), relay, minted)
}

/** What the person has to show for it already, if they pressed before. */
export function relayBefore({ links }: PressDeps, link: Link): Promise<Relay | undefined> {
  return links.relayOf(link.ws, link.cmp!, personOf(link, '', false))
}

/** An ask link is one person's. Behind a relay link stand many; a machine never stands in a person's place. */
function personOf(link: Link, visitor: string, bot: boolean): string {
  const person = link.kind === 'ask' ? link.slug : `${link.slug}~${visitor}`
  return bot ? `${person}~bot` : person
}

/** A relayer on their own link is no new relayer: they get the link they have. */
function ownRelay(link: Link, campaign: Campaign, channel: RelayChannel): Relay {
  const { ws, host, slug, parent = '', generation = 1, createdAt: pressedAt } = link
  const { id: cmp, windowMs } = campaign
  return { type: 'relay', ws, cmp, windowMs, host, slug, parent, generation, channel, pressedAt }
}

const clockOf = (sentAt: number | undefined) => (sentAt === undefined ? {} : { sentAt })
