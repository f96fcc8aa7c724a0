import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { limitsOf, type RawAnswer, refreshOutcome, sendOutcome } from '../../shared/ports/x-outcome.ts'

const answered = (status: number, body: unknown, headers = {}): RawAnswer => ({
  kind: 'answered',
  status,
  body,
  headers,
})
const problem = (status: number, detail: string): RawAnswer =>
  answered(status, { title: 'T', detail, type: 'about:blank', status })

describe('what an answer means', () => {
  it.each<[string, RawAnswer, object]>([
    [
      '201 with an event id',
      answered(201, { data: { dm_conversation_id: '1-2', dm_event_id: '9' } }),
      { kind: 'sent', dmEventId: '9', conversationId: '1-2' },
    ],
    [
      '200 with only errors',
      answered(200, { errors: [{ detail: 'odd' }] }),
      { kind: 'unknown', reason: 'no_event_id' },
    ],
    ['201 with nothing', answered(201, undefined), { kind: 'unknown', reason: 'no_event_id' }],
    ['201 with an empty event id', answered(201, { data: { dm_event_id: '' } }), { kind: 'unknown' }],
    [
      '403 about the recipient',
      problem(403, 'You do not have permission to DM one or more participants.'),
      { kind: 'refused', reason: 'recipient_forbidden' },
    ],
    [
      '403 about the sender',
      problem(403, 'This operation is not permitted.'),
      { kind: 'not_sent', reason: 'sender_forbidden', detail: 'This operation is not permitted.' },
    ],
    ['403 with a page of a proxy', answered(403, '<html>'), { kind: 'not_sent', reason: 'sender_forbidden' }],
    ['429', problem(429, 'Too Many Requests'), { kind: 'not_sent', reason: 'rate_limited' }],
    ['401', problem(401, 'Unauthorized'), { kind: 'not_sent', reason: 'unauthorized' }],
    ['402', problem(402, 'no credits'), { kind: 'not_sent', reason: 'no_credits', detail: 'no credits' }],
    ['400', answered(400, { errors: [{ message: 'too long' }] }), { kind: 'refused', detail: 'too long' }],
    ['404', problem(404, 'nobody'), { kind: 'refused', reason: 'recipient_not_found' }],
    ['500', problem(500, 'x'), { kind: 'unknown', reason: 'server_error' }],
    ['503 without a body', answered(503, undefined), { kind: 'unknown', reason: 'server_error', detail: 'status 503' }],
    ['408', problem(408, 'x'), { kind: 'unknown', reason: 'unexpected_status' }],
    ['302', answered(302, ''), { kind: 'unknown', reason: 'unexpected_status' }],
    ['a cut body', { kind: 'partial', detail: 'cut' }, { kind: 'unknown', reason: 'partial' }],
    [
      'a reset on a connection',
      { kind: 'failed', connected: true, timedOut: false, detail: 'ECONNRESET' },
      { kind: 'unknown', reason: 'reset' },
    ],
    [
      'silence on a connection',
      { kind: 'failed', connected: true, timedOut: true, detail: '' },
      { kind: 'unknown', reason: 'timeout' },
    ],
    [
      'no connection',
      { kind: 'failed', connected: false, timedOut: false, detail: 'ECONNREFUSED' },
      { kind: 'not_sent', reason: 'unreachable' },
    ],
    [
      'no connection in time',
      { kind: 'failed', connected: false, timedOut: true, detail: '' },
      { kind: 'not_sent', reason: 'unreachable' },
    ],
  ])('%s', (_, raw, meaning) => {
    expect(sendOutcome(raw)).toMatchObject(meaning)
  })

  it('calls a message unsent or refused only for a status that proves it', () => {
    const proving = new Set([400, 401, 402, 403, 404, 429])
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 599 }), fc.anything(), (status, body) => {
        const { kind } = sendOutcome(answered(status, body))
        expect(kind === 'not_sent' || kind === 'refused').toBe(proving.has(status))
      }),
    )
  })

  it('reads all three limits, and none that is not whole', () => {
    const headers = {
      'x-rate-limit-limit': '15',
      'x-rate-limit-remaining': '0',
      'x-rate-limit-reset': '1767604500',
      'x-user-limit-24hour-limit': '1440',
      'x-user-limit-24hour-remaining': '1439',
      'x-user-limit-24hour-reset': '1767690000',
      'x-app-limit-24hour-limit': '1440',
    }
    expect(limitsOf(headers)).toEqual({
      window15: { limit: 15, remaining: 0, resetAtMs: 1_767_604_500_000 },
      userDay: { limit: 1440, remaining: 1439, resetAtMs: 1_767_690_000_000 },
    })
  })

  it.each<[string, RawAnswer, object]>([
    [
      'new tokens',
      answered(200, { access_token: 'a', refresh_token: 'r', expires_in: 7200 }),
      { kind: 'refreshed', accessToken: 'a', refreshToken: 'r', expiresInMs: 7_200_000 },
    ],
    ['no new refresh token', answered(200, { access_token: 'a', expires_in: 7200 }), { kind: 'unknown' }],
    ['a used token', answered(400, { error_description: 'invalid' }), { kind: 'rejected', detail: 'invalid' }],
    ['429', problem(429, 'x'), { kind: 'not_done', reason: 'rate_limited' }],
    ['503', problem(503, 'x'), { kind: 'unknown' }],
    ['a cut body', { kind: 'partial', detail: 'cut' }, { kind: 'unknown' }],
    ['a reset', { kind: 'failed', connected: true, timedOut: false, detail: '' }, { kind: 'unknown' }],
    ['no connection', { kind: 'failed', connected: false, timedOut: false, detail: '' }, { kind: 'not_done' }],
  ])('of a refresh: %s', (_, raw, meaning) => {
    expect(refreshOutcome(raw)).toMatchObject(meaning)
  })
})
