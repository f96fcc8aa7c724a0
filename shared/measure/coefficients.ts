/**
 * Contact, trust, virality, yield, break-even share and cascade of one campaign, each with how sure it is and a
 * sentence for people. A ratio over nothing is null, with the reason.
 */
import { type Interval, logDeltaT, wilson, yieldInterval } from './interval.ts'
import {
  breakEvenSentence,
  cascadeSentence,
  contactSentence,
  reasons,
  trustSentence,
  viralitySentence,
  yieldSentence,
} from './sentences.ts'
import type { Spread } from './spread.ts'
import type { Text } from './words.ts'

export interface Coefficient {
  value: number | null
  /** The 95 % interval; null when there is no honest one. */
  low: number | null
  high: number | null
  method: Method | null
  /** Why the value or its interval is null. */
  reason: Text | null
  sentence: Text | null
}

/** How the interval was made. The log-delta ones are approximate. */
export type Method = 'wilson' | 'log_delta_t' | 'log_delta_z' | 'inverse_of_virality'

export interface Virality extends Coefficient {
  /** Always shown beside the average. Null without relays. */
  spread: Spread | null
}

export interface Coefficients {
  /** Readers ÷ sent. */
  contact: Coefficient
  /** Readers who relayed ÷ readers. */
  trust: Coefficient
  /** Visits through the readers' relays ÷ those relays, zeros included. */
  virality: Virality
  /** Visits through relays of all generations ÷ sent. */
  yield: Coefficient & {
    /** Share of the yield's log-variance that comes from virality. */
    viralityShare: number | null
  }
  /** 1 ÷ virality: share of visitors who would have to relay for the message to spread on its own. */
  breakEven: Coefficient
  /** Visits of all generations ÷ visits through the readers' relays. */
  cascade: Coefficient
}

export interface Counts {
  sent: number
  readers: number
  relays: number
  visits: number
  laterVisits: number
  spread: Spread | undefined
}

export function coefficientsOf(counts: Counts): Coefficients {
  const virality = viralityOf(counts)
  return {
    contact: proportion(counts.readers, counts.sent, reasons.nothingSent, contactSentence),
    trust: proportion(counts.relays, counts.readers, reasons.noReaders, trustSentence),
    virality,
    yield: yieldOf(counts),
    breakEven: breakEvenOf(virality),
    cascade: cascadeOf(counts),
  }
}

function proportion(
  part: number,
  whole: number,
  whenEmpty: Text,
  sentenceOf: (part: number, whole: number, interval: Interval) => Text,
): Coefficient {
  if (whole === 0) return missing(whenEmpty)
  const interval = wilson(part, whole)
  if (!interval) return missing(reasons.moreThanAsked)
  return { ...found(part / whole, interval, 'wilson'), sentence: sentenceOf(part, whole, interval) }
}

function viralityOf({ relays, visits, spread }: Counts): Virality {
  if (!spread) return { ...missing(reasons.noRelays), spread: null }
  const value = visits / relays
  const interval = logDeltaT(spread.visitsPerRelay)
  return {
    ...found(value, interval, 'log_delta_t', visits === 0 ? reasons.noVisits : reasons.fewRelays),
    sentence: viralitySentence(value, spread, interval),
    spread,
  }
}

function yieldOf({ sent, readers, visits, laterVisits, spread }: Counts): Coefficients['yield'] {
  if (sent === 0) return { ...missing(reasons.nothingSent), viralityShare: null }
  const value = (visits + laterVisits) / sent
  const interval = yieldInterval(value, { sent, readers, visits: spread?.visitsPerRelay ?? [] })
  return {
    ...found(value, interval, 'log_delta_z', visits === 0 ? reasons.noVisits : reasons.fewRelays),
    sentence: yieldSentence(value, interval),
    viralityShare: interval?.viralityShare ?? null,
  }
}

function breakEvenOf({ value, low, high, reason }: Virality): Coefficient {
  if (!value) return missing(reason ?? reasons.noVisits)
  const interval = low !== null && high !== null ? { low: 1 / high, high: 1 / low } : undefined
  return {
    ...found(1 / value, interval, 'inverse_of_virality', reason ?? reasons.fewRelays),
    sentence: breakEvenSentence(value),
  }
}

function cascadeOf({ visits, laterVisits }: Counts): Coefficient {
  if (visits === 0) return missing(reasons.noVisits)
  const value = (visits + laterVisits) / visits
  return { ...found(value, undefined, null, null), sentence: cascadeSentence(visits, laterVisits) }
}

function missing(reason: Text): Coefficient {
  return { value: null, low: null, high: null, method: null, reason, sentence: null }
}

function found(
  value: number,
  interval: Interval | undefined,
  method: Method | null,
  whenNoInterval: Text | null = null,
): Omit<Coefficient, 'sentence'> {
  if (!interval) return { value, low: null, high: null, method: null, reason: whenNoInterval }
  return { value, low: interval.low, high: interval.high, method, reason: null }
}
