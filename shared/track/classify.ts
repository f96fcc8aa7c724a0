/**
 * Person or machine, decided from a request and its link alone: a class is final, and a recount agrees with it.
 *
 *     classify({ method: 'HEAD', headers: {}, userAgent, t })   // 'method'
 *     classify({ method: 'GET', headers, userAgent, t, sentAt }) // undefined: a person
 */
import { isbot } from 'isbot'
import type { BotReason } from '../facts.ts'

/** Raise it whenever a request would be classed differently; each hit block names the version that classed it. */
export const classVersion = 1

export interface Request {
  method: string
  /** Names in lower case. */
  headers: Readonly<Record<string, string | undefined>>
  userAgent: string
  /** Carries the operator's own mark. */
  operator?: boolean
}

export interface Moment {
  /** Of the request. */
  t: number
  /** When the link's message left. */
  sentAt?: number | undefined
}

/** X itself opens a link within moments of the message; nobody reads that fast. */
const tooSoonMs = 2000

const prefetchHeaders = ['purpose', 'sec-purpose', 'x-purpose', 'x-moz'] as const
const prefetchWords = /prefetch|prerender|preview/i

export function classify(request: Request & Moment): BotReason | undefined {
  const { method, headers, userAgent, t, sentAt } = request
  // POST is the press of a button on the relay page; nothing prefetches it.
  if (method !== 'GET' && method !== 'POST') return 'method'
  if (prefetchHeaders.some((name) => headers[name] && prefetchWords.test(headers[name]))) return 'prefetch'
  if (userAgent.trim() === '') return 'no_agent'
  if (isCrawler(userAgent)) return 'crawler'
  if (sentAt !== undefined && t >= sentAt && t - sentAt < tooSoonMs) return 'too_soon'
  return request.operator ? 'operator' : undefined
}

const knownAgents = new Map<string, boolean>()
const maxKnownAgents = 2000

/** isbot runs a pattern of 4 kB; the same few agents come again and again. */
function isCrawler(userAgent: string): boolean {
  let crawler = knownAgents.get(userAgent)
  if (crawler !== undefined) return crawler
  crawler = isbot(userAgent)
  if (knownAgents.size >= maxKnownAgents) knownAgents.clear()
  knownAgents.set(userAgent, crawler)
  return crawler
}
