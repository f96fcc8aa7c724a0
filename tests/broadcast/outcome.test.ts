import { expect, it } from 'vitest'
import { type SendOutcome, type Settlement, settle } from '../../shared/broadcast/outcome.ts'

const notSent = (reason: (SendOutcome & { kind: 'not_sent' })['reason']): SendOutcome => ({ kind: 'not_sent', reason })

const table: [outcome: SendOutcome, refreshed: boolean, Settlement][] = [
  [{ kind: 'sent', dmEventId: '1' }, false, { recipient: 'sent', quota: 'spent' }],
  [{ kind: 'refused', reason: 'no_dm' }, false, { recipient: 'refused', reason: 'no_dm', quota: 'spent' }],
  [{ kind: 'unknown', reason: 'timeout' }, false, { recipient: 'unknown', reason: 'timeout', quota: 'spent' }],
  [notSent('rate_limited'), false, { recipient: 'pending', quota: 'blocked' }],
  [notSent('unauthorized'), false, { recipient: 'pending', quota: 'kept', refresh: true }],
  [notSent('unauthorized'), true, { recipient: 'pending', quota: 'kept', pauseCampaign: 'reconnect' }],
  [notSent('no_credits'), false, { recipient: 'pending', quota: 'kept', pauseCampaign: 'no_credits' }],
  [notSent('sender_forbidden'), false, { recipient: 'pending', quota: 'spent', pauseCampaign: 'sender_refused' }],
  [notSent('unreachable'), false, { recipient: 'pending', quota: 'kept', waitMs: 30_000 }],
]

it.each(table)('%j, refreshed %s → %j', (outcome, refreshed, settlement) => {
  expect(settle(outcome, refreshed)).toEqual(settlement)
})
