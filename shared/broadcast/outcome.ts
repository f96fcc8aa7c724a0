/**
 * From what happened to one send to what follows for its recipient, its account and its campaign.
 *
 * A recipient goes back to `pending` only when the message provably did not leave; anything unclear is `unknown` and
 * never sent again by itself.
 */

/** Structurally what the port to X answers. */
export type SendOutcome =
  | { kind: 'sent'; dmEventId: string }
  | { kind: 'refused'; reason: string }
  | { kind: 'not_sent'; reason: 'rate_limited' | 'unauthorized' | 'no_credits' | 'sender_forbidden' | 'unreachable' }
  | { kind: 'unknown'; reason: string }

export type PauseReason = 'no_credits' | 'sender_refused' | 'reconnect'

export interface Settlement {
  recipient: 'sent' | 'refused' | 'pending' | 'unknown'
  /** Of `refused` and `unknown`. */
  reason?: string
  /** spent: `afterSend`. blocked: `afterRefusal`, nothing was spent. kept: nothing was spent, the pacer stays as it is. */
  quota: 'spent' | 'blocked' | 'kept'
  /** Refresh the account's tokens, then try the same recipient again. */
  refresh?: true
  /** Wall time before the account's next turn. */
  waitMs?: number
  pauseCampaign?: PauseReason
}

/** X cannot be reached: nothing was spent, so nothing else would slow the next attempt down. */
const unreachableWaitMs = 30_000

/** `refreshed`: the tokens were refreshed for this very send, so a second 401 means the account must reconnect. */
export function settle(outcome: SendOutcome, refreshed = false): Settlement {
  switch (outcome.kind) {
    case 'sent':
      return { recipient: 'sent', quota: 'spent' }
    case 'refused':
      return { recipient: 'refused', reason: outcome.reason, quota: 'spent' }
    case 'unknown':
      return { recipient: 'unknown', reason: outcome.reason, quota: 'spent' }
    case 'not_sent':
      return notSent(outcome.reason, refreshed)
  }
}

function notSent(reason: (SendOutcome & { kind: 'not_sent' })['reason'], refreshed: boolean): Settlement {
  switch (reason) {
    case 'rate_limited':
      return { recipient: 'pending', quota: 'blocked' }
    case 'unauthorized':
      return refreshed
        ? { recipient: 'pending', quota: 'kept', pauseCampaign: 'reconnect' }
        : { recipient: 'pending', quota: 'kept', refresh: true }
    case 'no_credits':
      return { recipient: 'pending', quota: 'kept', pauseCampaign: 'no_credits' }
    case 'sender_forbidden':
      // A 403 spends quota even though no message left.
      return { recipient: 'pending', quota: 'spent', pauseCampaign: 'sender_refused' }
    case 'unreachable':
      return { recipient: 'pending', quota: 'kept', waitMs: unreachableWaitMs }
  }
}
