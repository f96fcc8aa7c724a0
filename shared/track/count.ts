/**
 * What one stored fact counts for, and in which totals.
 *
 * This is the whole definition of every count: the roll-up adds `count(new) − count(old)` of each change, and a
 * recount adds `count(now)` of everything stored. So an identical rewrite counts nothing, a growing set counts its
 * growth, a reader whose first read moves earlier moves between hours, and a fact marked `erasedAt` counts for
 * nothing, which subtracts it.
 */
import type { Fact, Hit, HitBlock, Link, Recipient, Relay, Segments, VisitorDay } from '../facts.ts'
import { checkFact } from './check-fact.ts'
import { type TotalFields, totalNames } from './total-names.ts'

export interface Count {
  ws: string
  cmp: string | undefined
  name: string
  fields: TotalFields
}

export const halfHourMs = 1_800_000

/** @throws RangeError on a fact of no known type or shape: the caller keeps it as a dead letter. */
export function count(fact: Fact | undefined): Count[] {
  if (fact === undefined) return []
  if (isErased(fact)) return []
  checkFact(fact)
  switch (fact.type) {
    case 'recipient':
      return countRecipient(fact)
    case 'link':
      return countLink(fact)
    case 'hits':
      return countHits(fact)
    case 'relay':
      return countRelay(fact)
    case 'visitor_day':
      return countVisitorDay(fact)
    case 'campaign':
    case 'suppression':
    case 'notice':
      return []
  }
}

/** A tombstone: what it was is no longer there to be counted or derived from. */
export function isErased(fact: Fact): boolean {
  return 'erasedAt' in fact && fact.erasedAt !== undefined
}

/** The segments' totals a labelled fact belongs to. */
function segmentNames(segments: Segments | undefined): string[] {
  return Object.entries(segments ?? {}).map(([name, value]) => totalNames.segment(name, String(value)))
}

/** The same fields in the campaign's total, its hour's and its segments'. */
function everywhere(fact: { ws: string; cmp?: string; segments?: Segments }, t: number, fields: TotalFields): Count[] {
  const names = [totalNames.campaign, totalNames.hour(t), ...segmentNames(fact.segments)]
  return names.map((name) => ({ ws: fact.ws, cmp: fact.cmp, name, fields }))
}

function countRecipient(fact: Recipient): Count[] {
  const fields: TotalFields = { recipients: 1, [fact.status]: 1 }
  if (fact.reason) fields[`${fact.status}_${fact.reason}`] = 1
  const whole = { ws: fact.ws, cmp: fact.cmp, name: totalNames.campaign, fields }
  if (fact.status !== 'sent' || fact.sentAt === undefined) return [whole]
  return [whole, ...everywhere(fact, fact.sentAt, { sent: 1 }).slice(1)]
}

function countLink(fact: Link): Count[] {
  return fact.firstReadAt === undefined ? [] : everywhere(fact, fact.firstReadAt, { readers: 1 })
}

/** Inside [start, start + window]; a fact without a clock has no window. */
export function inWindow(t: number, sentAt: number | undefined, windowMs: number | undefined): boolean {
  return sentAt === undefined || windowMs === undefined || (t >= sentAt && t <= sentAt + windowMs)
}

/** Does this relay count? A machine's press and one after the window are kept and shown apart. */
export function isCountedRelay(fact: Relay): boolean {
  return fact.bot === undefined && inWindow(fact.pressedAt, fact.sentAt, fact.windowMs)
}

function countRelay(fact: Relay): Count[] {
  if (fact.bot) return []
  if (!isCountedRelay(fact)) return everywhere(fact, fact.pressedAt, { lateRelays: 1 })
  const fields = fact.generation === 1 ? { relays: 1 } : { laterRelays: 1 }
  const [whole, ...rest] = everywhere(fact, fact.pressedAt, fields)
  const link = totalNames.link('relay', fact.host, fact.slug)
  return [
    { ...whole!, fields: { ...fields, [`channel_${fact.channel}`]: 1 } },
    ...rest,
    { ws: fact.ws, cmp: fact.cmp, name: link, fields },
  ]
}

/** Which count a visit through this link belongs to: V is over generation 1 only, `post` is never mixed in. */
function visitField(fact: VisitorDay): string {
  if (fact.kind === 'post') return 'postVisits'
  return (fact.generation ?? 1) > 1 ? 'laterVisits' : 'visits'
}

function countVisitorDay(fact: VisitorDay): Count[] {
  const field = visitField(fact)
  const counts: Count[] = []
  const add = (name: string, fields: TotalFields) => counts.push({ ws: fact.ws, cmp: fact.cmp, name, fields })
  const fields = { [field]: fact.halfHours.size, visitorDays: 1 }
  for (const name of [totalNames.campaign, ...segmentNames(fact.segments)]) add(name, fields)
  add(totalNames.link(fact.kind, fact.host, fact.slug), fields)
  for (const halfHour of fact.halfHours) add(totalNames.hour(halfHour * halfHourMs), { [field]: 1 })
  return counts
}

/** A person's hit on an ask or relay link after that link's window: it counts for nothing downstream. */
function isLate(hit: Hit, block: HitBlock): boolean {
  return !hit.b && !inWindow(hit.t, hit.w, block.windowMs)
}

function countHits(block: HitBlock): Count[] {
  const byName = new Map<string, TotalFields>()
  const add = (name: string, field: string) => {
    const fields = byName.get(name) ?? {}
    fields[field] = (fields[field] ?? 0) + 1
    byName.set(name, fields)
  }
  for (const hit of block.hits) {
    const whole = totalNames.campaign
    for (const name of [whole, totalNames.hour(hit.t), totalNames.link(hit.k, block.host, hit.s)]) {
      add(name, 'hits')
      if (hit.b) add(name, 'bots')
    }
    if (hit.b) add(whole, `bot_${hit.b}`)
    if (hit.o) add(whole, 'ownHits')
    if (isLate(hit, block)) add(whole, 'outOfWindow')
  }
  return [...byName].map(([name, fields]) => ({ ws: block.ws, cmp: block.cmp, name, fields }))
}
