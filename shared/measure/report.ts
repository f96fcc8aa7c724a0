/**
 * The campaign report, made from totals alone: what `GET /v1/campaigns/{id}/report` answers, field for field. Pure:
 * the same campaign, totals and time give the same report.
 */
import type { BotReason, Campaign, CampaignState, Delivery, Privacy } from '../facts.ts'
import type { TotalFields } from '../track/total-names.ts'
import { type Coefficients, coefficientsOf, type Virality } from './coefficients.ts'
import { leastRelays, wilson } from './interval.ts'
import { fewReadersWarning, fewRelaysWarning, oneRelayerWarning, provisionalNotice } from './sentences.ts'
import { spreadOf } from './spread.ts'
import type { Text } from './words.ts'

export interface RelayTotal {
  slug: string
  generation: number
  visits: number
}

export interface ReportInput {
  campaign: Campaign
  totals: {
    campaign: TotalFields
    /** By UTC hour: `2026-11-24T10`. */
    hours: Record<string, TotalFields>
    /** By `name=value`: `lang=fr`. */
    segments: Record<string, TotalFields>
    relays: readonly RelayTotal[]
  }
  nowMs: number
}

export interface Header {
  id: string
  name: string
  sender: string
  /** The page the message leads to. */
  page: string
  /** The message's template, as launched. */
  message: string
  delivery: Delivery
  privacy: Privacy
  /** Whether something was offered in return for relaying. */
  offer: false
  windowHours: number
  state: CampaignState
  /** True until the last recipient's clock has run out. */
  provisional: boolean
  /** What to say while provisional. */
  notice: Text | null
  /** ISO 8601, as all times here. When sending began; null before. */
  startedAt: string | null
  completedAt: string | null
  /** The time this report was made. */
  at: string
}

/** One step of the funnel, with its rate over the step before and how sure that rate is (95 %). */
export interface Step {
  count: number
  /** Null when the step before is empty. */
  rate: number | null
  low: number | null
  high: number | null
}

export interface Funnel {
  /** Messages that arrived; its rate is over the recipients there were. */
  sent: Step
  /** Over messages sent. */
  readers: Step
  /** Readers who relayed, over readers. The marks say how sure we are of a relay; they never choose who is counted. */
  relays: Step & {
    /** Used a relay button. */
    pressed: number
    /** Somebody else then came through their link. */
    seen: number
    /** Shown by X; null: X was not asked. */
    confirmed: number | null
  }
  /** Visits through the readers' relays; the rate is visits per relay. */
  visits: Step
  /** Visitors counted once per link and day, over all relays; no rate. */
  visitorDays: Step
}

export interface Health {
  recipients: number
  pending: number
  sending: number
  unknown: number
  refused: { count: number; reasons: Record<string, number> }
  suppressed: { count: number; reasons: Record<string, number> }
  /** Relays by people who came through a relay link, and the visits they brought. */
  laterRelays: number
  laterVisits: number
  /** After the window, so never counted. */
  lateRelays: number
  outOfWindow: number
  /** Relays by the button pressed: `x`, `copy`, … */
  channels: Record<string, number>
}

export interface Hour {
  /** Its start. */
  at: string
  sent: number
  readers: number
  relays: number
  visits: number
}

export interface Segment {
  /** `lang`, `tier`. */
  name: string
  value: string
  sent: number
  readers: number
  relays: number
  visits: number
  /** Readers over sent, and relays over readers; null when that is out of fewer than 20. */
  contact: Rate | null
  trust: Rate | null
}

export interface Rate {
  rate: number
  low: number
  high: number
}

/** Everything that opened a link, and how much of it is not counted because no person did it. */
export interface Filtering {
  hits: number
  bots: number
  people: number
  /** Bots over hits; null without hits. */
  removedShare: number | null
  reasons: Record<BotReason, number>
}

export interface Warning {
  code: 'few_readers' | 'few_relays' | 'one_relayer'
  /** What was found, and the limit it is on the wrong side of. */
  value: number
  threshold: number
  text: Text
}

export interface Report {
  header: Header
  funnel: Funnel
  coefficients: Coefficients
  /** Every hour from the first to the last in which something was counted. */
  hours: Hour[]
  segments: Segment[]
  filtering: Filtering
  health: Health
  warnings: Warning[]
}

const hourMs = 3_600_000
const botReasons: readonly BotReason[] = ['method', 'prefetch', 'crawler', 'no_agent', 'too_soon', 'operator']
/** In a segment, a share out of fewer is noise. */
const leastInSegment = 20
/** Readers needed to know a trust near 30 % within 10 points. */
const leastReaders = 81
const mostTopShare = 0.25

export function buildReport({ campaign, totals, nowMs }: ReportInput): Report {
  const relays = at(totals.campaign, 'relays')
  const visitsPerRelay = totals.relays.filter((relay) => relay.generation === 1).map((relay) => relay.visits)
  const coefficients = coefficientsOf({
    sent: at(totals.campaign, 'sent'),
    readers: at(totals.campaign, 'readers'),
    relays,
    visits: at(totals.campaign, 'visits'),
    laterVisits: at(totals.campaign, 'laterVisits'),
    spread: spreadOf(visitsPerRelay, relays),
  })
  return {
    header: headerOf(campaign, nowMs),
    funnel: funnelOf(totals.campaign, coefficients.virality),
    coefficients,
    hours: hoursOf(totals.hours),
    segments: segmentsOf(totals.segments),
    filtering: filteringOf(totals.campaign),
    health: healthOf(totals.campaign),
    warnings: warningsOf(at(totals.campaign, 'readers'), coefficients.virality),
  }
}

function headerOf(campaign: Campaign, nowMs: number): Header {
  // Cancelled, it never completes, but the last message's clock runs out all the same.
  const ended = campaign.state === 'cancelled' && nowMs > (campaign.movedAt ?? campaign.createdAt) + campaign.windowMs
  const provisional = campaign.state !== 'completed' && !ended
  return {
    id: campaign.id,
    name: campaign.name,
    sender: campaign.sender,
    page: campaign.destination,
    message: campaign.message,
    delivery: campaign.delivery,
    privacy: campaign.privacy,
    offer: false,
    windowHours: campaign.windowMs / hourMs,
    state: campaign.state,
    provisional,
    notice: provisional ? provisionalNotice : null,
    startedAt: iso(campaign.startedAt),
    completedAt: iso(campaign.completedAt),
    at: new Date(nowMs).toISOString(),
  }
}

function funnelOf(total: TotalFields, virality: Virality): Funnel {
  const [sent, readers, relays] = [at(total, 'sent'), at(total, 'readers'), at(total, 'relays')]
  const visits = at(total, 'visits')
  return {
    sent: share(sent, at(total, 'recipients')),
    readers: share(readers, sent),
    relays: {
      ...share(relays, readers),
      pressed: relays,
      seen: virality.spread?.visitsPerRelay.filter((brought) => brought > 0).length ?? 0,
      confirmed: null,
    },
    visits: { count: visits, rate: virality.value, low: virality.low, high: virality.high },
    visitorDays: { count: at(total, 'visitorDays'), rate: null, low: null, high: null },
  }
}

function share(count: number, of: number): Step {
  const interval = wilson(count, of)
  if (!interval) return { count, rate: null, low: null, high: null }
  return { count, rate: count / of, ...interval }
}

function hoursOf(hours: Record<string, TotalFields>): Hour[] {
  const counted = new Map<number, Hour>()
  for (const [key, total] of Object.entries(hours)) {
    const startMs = Date.parse(`${key}:00:00Z`)
    const hour = hourOf(startMs, total)
    // An hour of nothing but bots, or of visits after the window, must not stretch the series.
    if (hour.sent + hour.readers + hour.relays + hour.visits > 0) counted.set(startMs, hour)
  }
  const starts = [...counted.keys()].sort((a, b) => a - b)
  const series: Hour[] = []
  for (let startMs = starts[0] ?? 0; startMs <= (starts.at(-1) ?? -1); startMs += hourMs) {
    series.push(counted.get(startMs) ?? hourOf(startMs, {}))
  }
  return series
}

function hourOf(startMs: number, total: TotalFields): Hour {
  return { at: new Date(startMs).toISOString(), ...stepsOf(total) }
}

function segmentsOf(segments: Record<string, TotalFields>): Segment[] {
  const rate = (count: number, of: number): Rate | null => {
    const interval = of >= leastInSegment && wilson(count, of)
    return interval ? { rate: count / of, ...interval } : null
  }
  return Object.entries(segments)
    .map(([key, total]) => {
      const [name = '', value = ''] = key.split(/=(.*)/s)
      const steps = stepsOf(total)
      return {
        name,
        value,
        ...steps,
        contact: rate(steps.readers, steps.sent),
        trust: rate(steps.relays, steps.readers),
      }
    })
    .sort((a, b) => compare(a.name, b.name) || b.sent - a.sent || compare(a.value, b.value))
}

function filteringOf(total: TotalFields): Filtering {
  const [hits, bots] = [at(total, 'hits'), at(total, 'bots')]
  return {
    hits,
    bots,
    people: hits - bots,
    removedShare: hits > 0 ? bots / hits : null,
    reasons: Object.fromEntries(
      botReasons.map((reason) => [reason, at(total, `bot_${reason}`)]),
    ) as Filtering['reasons'],
  }
}

function healthOf(total: TotalFields): Health {
  return {
    recipients: at(total, 'recipients'),
    pending: at(total, 'pending'),
    sending: at(total, 'sending'),
    unknown: at(total, 'unknown'),
    refused: { count: at(total, 'refused'), reasons: startingWith(total, 'refused_') },
    suppressed: { count: at(total, 'suppressed'), reasons: startingWith(total, 'suppressed_') },
    laterRelays: at(total, 'laterRelays'),
    laterVisits: at(total, 'laterVisits'),
    lateRelays: at(total, 'lateRelays'),
    outOfWindow: at(total, 'outOfWindow'),
    channels: startingWith(total, 'channel_'),
  }
}

function warningsOf(readers: number, { spread }: Virality): Warning[] {
  const warnings: Warning[] = []
  const visitsPerRelay = spread?.visitsPerRelay ?? []
  if (readers < leastReaders) {
    const text = fewReadersWarning(readers, leastReaders)
    warnings.push({ code: 'few_readers', value: readers, threshold: leastReaders, text })
  }
  if (visitsPerRelay.length < leastRelays) {
    const text = fewRelaysWarning(visitsPerRelay)
    warnings.push({ code: 'few_relays', value: visitsPerRelay.length, threshold: leastRelays, text })
  }
  const topShare = spread?.topShare ?? 0
  if (topShare > mostTopShare) {
    const text = oneRelayerWarning(topShare, mostTopShare)
    warnings.push({ code: 'one_relayer', value: topShare, threshold: mostTopShare, text })
  }
  return warnings
}

function stepsOf(total: TotalFields): { sent: number; readers: number; relays: number; visits: number } {
  return {
    sent: at(total, 'sent'),
    readers: at(total, 'readers'),
    relays: at(total, 'relays'),
    visits: at(total, 'visits'),
  }
}

function startingWith(total: TotalFields, prefix: string): Record<string, number> {
  return Object.fromEntries(
    Object.entries(total)
      .filter(([field, value]) => field.startsWith(prefix) && value !== 0)
      .map(([field, value]) => [field.slice(prefix.length), value]),
  )
}

function at(total: TotalFields, field: string): number {
  return total[field] ?? 0
}

function iso(timeMs: number | undefined): string | null {
  return timeMs === undefined ? null : new Date(timeMs).toISOString()
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
