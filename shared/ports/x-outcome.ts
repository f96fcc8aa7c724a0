/**
 * What X's answers mean, and what it means to get none: pure, so that every case is a line in a test's table. A message
 * counts as unsent only where that is proved.
 */

import type { IncomingHttpHeaders } from 'node:http'
import type { XLimits } from '../broadcast/limits.ts'

/** What came back from one call, with all that decides its meaning. */
export type RawAnswer =
  | { kind: 'answered'; status: number; headers: IncomingHttpHeaders; body: unknown }
  /** Headers came, and the body was cut or made no sense. */
  | { kind: 'partial'; detail: string }
  | {
      kind: 'failed'
      /** false proves that not one byte of the request left: the connection never came to be. */
      connected: boolean
      timedOut: boolean
      detail: string
    }

export type NotSentReason = 'rate_limited' | 'unauthorized' | 'no_credits' | 'sender_forbidden' | 'unreachable'
export type RefusedReason = 'recipient_forbidden' | 'recipient_not_found' | 'invalid_message'
export type UnknownReason = 'timeout' | 'reset' | 'partial' | 'server_error' | 'no_event_id' | 'unexpected_status'

export type SendOutcome =
  | { kind: 'sent'; dmEventId: string; conversationId: string | undefined; limits: XLimits }
  /** X refused this message to this person: settled, and quota is spent. */
  | { kind: 'refused'; reason: RefusedReason; limits: XLimits; detail: string }
  /** Provably unsent: the recipient may go back to pending. */
  | { kind: 'not_sent'; reason: NotSentReason; limits: XLimits; detail: string }
  /** The message may have arrived: never resend by itself. */
  | { kind: 'unknown'; reason: UnknownReason; limits: XLimits; detail: string }

export type RefreshOutcome =
  | { kind: 'refreshed'; accessToken: string; refreshToken: string; expiresInMs: number }
  /** X does not take this refresh token any more: the account must be connected again. */
  | { kind: 'rejected'; detail: string }
  /** Provably not done: the refresh token is still good. */
  | { kind: 'not_done'; reason: 'rate_limited' | 'unreachable'; detail: string }
  /** The answer was lost, and the single-use refresh token may be used up. */
  | { kind: 'unknown'; detail: string }

export type ReadFailure = {
  kind: 'failed'
  reason: NotSentReason | RefusedReason | UnknownReason
  limits: XLimits
  detail: string
}
export type MeOutcome = { kind: 'me'; id: string; handle: string; name: string } | ReadFailure

export interface DmEvent {
  id: string
  senderId: string
  text: string
  at: number
}
/** Newest first, at most 100, reaching back 30 days. */
export type ConversationOutcome = { kind: 'conversation'; events: DmEvent[]; limits: XLimits } | ReadFailure

/** What an answer to "send this message" means. Anything that does not prove otherwise is `unknown`. */
export function sendOutcome(raw: RawAnswer): SendOutcome {
  if (raw.kind === 'partial') return { kind: 'unknown', reason: 'partial', limits: {}, detail: raw.detail }
  if (raw.kind === 'failed') {
    const { detail } = raw
    if (!raw.connected) return { kind: 'not_sent', reason: 'unreachable', limits: {}, detail }
    return { kind: 'unknown', reason: raw.timedOut ? 'timeout' : 'reset', limits: {}, detail }
  }
  const limits = limitsOf(raw.headers)
  const detail = detailOf(raw.body) ?? `status ${raw.status}`
  if (raw.status >= 200 && raw.status < 300) {
    const { dm_event_id: dmEventId, dm_conversation_id: conversationId } = fieldsOf(fieldsOf(raw.body).data)
    if (typeof dmEventId !== 'string' || dmEventId === '') {
      return { kind: 'unknown', reason: 'no_event_id', limits, detail }
    }
    return {
      kind: 'sent',
      dmEventId,
      conversationId: typeof conversationId === 'string' ? conversationId : undefined,
      limits,
    }
  }
  return { ...verdictOf(raw.status, detail), limits, detail }
}

type Verdict =
  | { kind: 'not_sent'; reason: NotSentReason }
  | { kind: 'refused'; reason: RefusedReason }
  | { kind: 'unknown'; reason: UnknownReason }

const verdicts: Record<number, Verdict> = {
  400: { kind: 'refused', reason: 'invalid_message' },
  401: { kind: 'not_sent', reason: 'unauthorized' },
  402: { kind: 'not_sent', reason: 'no_credits' },
  404: { kind: 'refused', reason: 'recipient_not_found' },
  429: { kind: 'not_sent', reason: 'rate_limited' },
}

function verdictOf(status: number, detail: string): Verdict {
  if (status >= 500) return { kind: 'unknown', reason: 'server_error' }
  if (status === 403) {
    // Any other 403 is about this sender or app. Pausing is the harmless mistake: it costs time, not recipients.
    return /participant/i.test(detail)
      ? { kind: 'refused', reason: 'recipient_forbidden' }
      : { kind: 'not_sent', reason: 'sender_forbidden' }
  }
  return verdicts[status] ?? { kind: 'unknown', reason: 'unexpected_status' }
}

export function refreshOutcome(raw: RawAnswer): RefreshOutcome {
  if (raw.kind === 'partial') return { kind: 'unknown', detail: raw.detail }
  if (raw.kind === 'failed') {
    return raw.connected
      ? { kind: 'unknown', detail: raw.detail }
      : { kind: 'not_done', reason: 'unreachable', detail: raw.detail }
  }
  const detail = detailOf(raw.body) ?? `status ${raw.status}`
  if (raw.status === 429) return { kind: 'not_done', reason: 'rate_limited', detail }
  if (raw.status >= 400 && raw.status < 500) return { kind: 'rejected', detail }
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: seconds } = fieldsOf(raw.body)
  const whole = typeof accessToken === 'string' && typeof refreshToken === 'string' && typeof seconds === 'number'
  if (raw.status >= 300 || !whole) return { kind: 'unknown', detail }
  return { kind: 'refreshed', accessToken, refreshToken, expiresInMs: seconds * 1000 }
}

/** A read fails for the same reasons as a send, but nothing hangs on whether X has seen it. */
function readFailure(raw: RawAnswer): ReadFailure {
  const outcome = sendOutcome(raw)
  if (outcome.kind !== 'sent') return { ...outcome, kind: 'failed' }
  return { kind: 'failed', reason: 'unexpected_status', limits: outcome.limits, detail: 'Not what was asked for.' }
}

export function meOutcome(raw: RawAnswer): MeOutcome {
  const { id, username, name } = raw.kind === 'answered' ? fieldsOf(fieldsOf(raw.body).data) : {}
  if (typeof id !== 'string' || typeof username !== 'string') return readFailure(raw)
  return { kind: 'me', id, handle: username, name: typeof name === 'string' ? name : username }
}

export function conversationOutcome(raw: RawAnswer): ConversationOutcome {
  if (raw.kind !== 'answered' || raw.status >= 300) return readFailure(raw)
  const { data, meta } = fieldsOf(raw.body)
  if (!Array.isArray(data) && fieldsOf(meta).result_count !== 0) return readFailure(raw)
  const events = (Array.isArray(data) ? data : []).map(fieldsOf).map((event) => ({
    id: String(event.id),
    senderId: String(event.sender_id),
    text: String(event.text ?? ''),
    at: Date.parse(String(event.created_at)),
  }))
  return { kind: 'conversation', events, limits: limitsOf(raw.headers) }
}

/** The limits in an answer's headers: the 15-minute window and the two undocumented 24-hour ones. */
export function limitsOf(headers: IncomingHttpHeaders): XLimits {
  const limits: XLimits = {}
  const prefixes = {
    window15: 'x-rate-limit',
    userDay: 'x-user-limit-24hour',
    appDay: 'x-app-limit-24hour',
  } as const
  for (const name of ['window15', 'userDay', 'appDay'] as const) {
    const [limit, remaining, reset] = ['limit', 'remaining', 'reset'].map((part) =>
      Number.parseInt(String(headers[`${prefixes[name]}-${part}`]), 10),
    )
    if (Number.isFinite(limit) && Number.isFinite(remaining) && Number.isFinite(reset)) {
      limits[name] = { limit: limit!, remaining: remaining!, resetAtMs: reset! * 1000 }
    }
  }
  return limits
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

/** X's own words for what is wrong, wherever this endpoint puts them. */
function detailOf(body: unknown): string | undefined {
  const fields = fieldsOf(body)
  const first = fieldsOf(Array.isArray(fields.errors) ? fields.errors[0] : undefined)
  const words = [fields.detail, fields.error_description, first.detail, first.message, fields.title]
  return words.find((word): word is string => typeof word === 'string' && word !== '')
}
