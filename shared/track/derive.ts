/**
 * Facts the roll-up derives from facts. Each is idempotent and order-free (a minimum, a set union, a put under a
 * deterministic id), so deriving twice, late or in another order ends at the same rows. Derived facts come back
 * through the stream, are counted there, and derive nothing further.
 */
import type { Fact, Hit, HitBlock, LinkKind, Notice, Recipient, Relay, Segments } from '../facts.ts'
import { halfHourMs, inWindow, isCountedRelay, isErased } from './count.ts'
import type { Change } from './fold.ts'

export interface FirstRead {
  kind: 'first_read'
  host: string
  slug: string
  at: number
}

export interface VisitorDayGrowth {
  kind: 'visitor_day'
  ws: string
  cmp?: string
  host: string
  slug: string
  linkKind: LinkKind
  generation?: number
  segments?: Segments
  day: string
  visitor: string
  halfHours: Set<number>
}

export type Derived = FirstRead | VisitorDayGrowth | { kind: 'notice'; notice: Notice }

/** All that a batch derives, each row once: earliest read per link, one union per visitor-day. */
export function derive(changes: Iterable<Change>): Derived[] {
  const byId: DerivedById = new Map()
  for (const change of changes) deriveInto(byId, change)
  return [...byId.values()]
}

export type DerivedById = Map<string, Derived>

/** Adds what one change derives to what others did. */
export function deriveInto(byId: DerivedById, change: Change): void {
  for (const derived of deriveOne(change)) combine(byId, derived)
}

export function deriveOne(change: Change): Derived[] {
  const fact = change.new
  if (fact === undefined || isErased(fact)) return []
  if (change.old === undefined && fact.type === 'hits') return fact.hits.flatMap((hit) => fromHit(hit, fact))
  if (change.old === undefined && fact.type === 'relay') return fromRelay(fact)
  return noticeOf(change.old, fact)
}

function combine(byId: DerivedById, derived: Derived): void {
  const id = derivedId(derived)
  const known = byId.get(id)
  if (known?.kind === 'first_read' && derived.kind === 'first_read') known.at = Math.min(known.at, derived.at)
  else if (known?.kind === 'visitor_day' && derived.kind === 'visitor_day')
    for (const halfHour of derived.halfHours) known.halfHours.add(halfHour)
  else byId.set(id, derived)
}

/** Which row it is: what two changes derive under the same id is one row. */
function derivedId(derived: Derived): string {
  if (derived.kind === 'notice') return `notice ${derived.notice.ws} ${derived.notice.id}`
  if (derived.kind === 'first_read') return firstReadId(derived)
  return visitorDayId(derived)
}

export const firstReadId = ({ host, slug }: Pick<FirstRead, 'host' | 'slug'>): string => `first_read ${host} ${slug}`

export const visitorDayId = (of: Pick<VisitorDayGrowth, 'host' | 'slug' | 'day' | 'visitor'>): string =>
  `visitor_day ${of.host} ${of.slug} ${of.day} ${of.visitor}`

function fromHit(hit: Hit, block: HitBlock): Derived[] {
  if (hit.b || hit.o || !inWindow(hit.t, hit.w, block.windowMs)) return []
  if (hit.k === 'ask') {
    // Before its message left, an ask link has no clock and so no readers.
    return hit.w === undefined ? [] : [{ kind: 'first_read', host: block.host, slug: hit.s, at: hit.t }]
  }
  return [
    {
      kind: 'visitor_day',
      ws: block.ws,
      ...(block.cmp !== undefined && { cmp: block.cmp }),
      host: block.host,
      slug: hit.s,
      linkKind: hit.k,
      ...(hit.g !== undefined && { generation: hit.g }),
      ...(hit.sg && { segments: hit.sg }),
      day: new Date(hit.t).toISOString().slice(0, 10),
      visitor: hit.v,
      halfHours: new Set([Math.floor(hit.t / halfHourMs)]),
    },
  ]
}

/** Pressing is reading: a reader's relay makes its ask link read, so relays never outnumber readers. */
function fromRelay(relay: Relay): Derived[] {
  if (!isCountedRelay(relay)) return []
  const at = relay.pressedAt
  const data = { slug: relay.slug, generation: relay.generation, channel: relay.channel }
  const derived = noticed(relay.ws, relay.cmp, 'relay.recorded', at, relay.slug, data)
  if (relay.generation !== 1) return derived
  return [{ kind: 'first_read', host: relay.host, slug: relay.parent, at }, ...derived]
}

const campaignEvents: Record<string, string> = {
  sending: 'campaign.started',
  paused: 'campaign.paused',
  completed: 'campaign.completed',
}
const messageEvents: Record<string, string> = {
  sent: 'message.sent',
  refused: 'message.refused',
  unknown: 'message.unknown',
}

function noticeOf(old: Fact | undefined, fact: Fact): Derived[] {
  if (fact.type === 'suppression' && old === undefined)
    return noticed(fact.ws, undefined, 'recipient.opted_out', fact.at, fact.token, { source: fact.source })
  if (fact.type === 'campaign' && old?.type === 'campaign' && old.state !== fact.state) {
    const event = campaignEvents[fact.state]
    const at = fact.movedAt ?? fact.createdAt
    return event ? noticed(fact.ws, fact.id, event, at, `v${fact.version}`, { state: fact.state }) : []
  }
  if (fact.type === 'recipient' && old?.type === 'recipient' && old.status !== fact.status) return messageNotice(fact)
  return []
}

function messageNotice(fact: Recipient): Derived[] {
  const event = messageEvents[fact.status]
  if (event === undefined) return []
  const data = { ordinal: fact.ordinal, ...(fact.reason && { reason: fact.reason }) }
  return noticed(fact.ws, fact.cmp, event, fact.sentAt ?? fact.settledAt ?? 0, `${fact.cmp}.${fact.ordinal}`, data)
}

function noticed(
  ws: string,
  cmp: string | undefined,
  event: string,
  at: number,
  subject: string,
  data: Notice['data'],
): Derived[] {
  const id = `${String(at).padStart(15, '0')}.${event}.${subject}`
  const notice: Notice = { type: 'notice', ws, id, event, at, data, ...(cmp !== undefined && { cmp }) }
  return [{ kind: 'notice', notice }]
}
