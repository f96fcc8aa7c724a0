/** What sandbox X answers, in the shapes X uses: data, or a problem (RFC 9457 fields). */
import type { Reading } from './limits.ts'

export interface Answer {
  status: number
  body: unknown
  headers?: Record<string, string>
  /** How the answer gets lost on its way. */
  lost?: 'hang' | 'reset' | 'truncate'
}

const titles: Record<number, string> = {
  400: 'Invalid Request',
  401: 'Unauthorized',
  402: 'CreditsDepleted',
  403: 'Forbidden',
  404: 'Not Found',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
}

export const notPermitted = 'This operation is not permitted.'
export const cannotMessage = 'You do not have permission to DM one or more participants.'
export const noCredits = 'Your enrolled account does not have any credits to fulfill this request.'

export function problem(
  status: number,
  detail: string = titles[status]!,
  headers: Record<string, string> = {},
): Answer {
  return { status, body: { title: titles[status], detail, type: 'about:blank', status }, headers }
}

/** `x-rate-limit-limit|remaining|reset` and, under other prefixes, the 24-hour variants. */
export function limitHeaders(prefix: string, { limit, remaining, resetAtMs }: Reading): Record<string, string> {
  return {
    [`${prefix}-limit`]: String(limit),
    [`${prefix}-remaining`]: String(Math.max(0, remaining)),
    [`${prefix}-reset`]: String(Math.ceil(resetAtMs / 1000)),
  }
}
