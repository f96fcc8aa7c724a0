/**
 * One message: claim, send, receipt. A crash between them leaves an `unknown`, never a second message.
 */
import { renderMessage } from '../../../shared/broadcast/message.ts'
import { settle } from '../../../shared/broadcast/outcome.ts'
import { afterRefusal, afterSend, type PacerState } from '../../../shared/broadcast/pacer.ts'
import { stopToken } from '../../../shared/broadcast/stop-token.ts'
import type { Campaign, Link, Recipient } from '../../../shared/facts.ts'
import { newId, newSlug } from '../../../shared/id.ts'
import { log, reasonOf } from '../../../shared/log.ts'
import type { SendOutcome } from '../../../shared/ports/x.ts'
import type { InFlight, Settlement, Turn } from '../../../shared/table/turns.ts'
import type { Passing, SendDeps } from './turn.ts'

/** What a turn may take beside its call to X. */
const slackMs = 5_000

interface Underway {
  turn: Turn
  campaign: Campaign
  inFlight: InFlight
  /** Every recipient up to this ordinal was settled before. */
  settledTo: number
  access: { version: number; refreshed: boolean }
}

export function createAttempt(deps: SendDeps, { again, pause }: Passing) {
  const { turns, clock } = deps
  const host = new URL(deps.publicUrl).host

  async function attempt(turn: Turn, campaign: Campaign, recipient: Recipient, settledTo: number): Promise<void> {
    const access = await deps.access.token(campaign.ws, turn.account)
    if (access.kind === 'wait') return await again(turn, access.waitMs)
    if (access.kind === 'reconnect') return await pause(turn, campaign, 'reconnect')
    const token = stopToken(deps.stopSecret, campaign.ws, recipient.xUserId)
    const link = askLink(campaign, recipient)
    const text = textOf(campaign, recipient, `${deps.publicUrl}/${link.slug}.${token}`)
    if (text === undefined) return await pause(turn, campaign, 'message')
    const deadlineWall = clock.wall() + deps.timeoutMs + slackMs
    const id = newId('att', clock.wall())
    const claimed = await turns.claim({ turn, recipient, campaign, link, attempt: id, deadlineWall, stopToken: token })
    if (claimed === 'suppressed') await turns.suppress(recipient)
    if (claimed !== 'claimed') return await again(turn, claimed === 'lost' ? 1000 : 0)
    const { ws, cmp, ordinal } = recipient
    const inFlight = { ws, cmp, ordinal, host, slug: link.slug, attempt: id, deadlineWall }
    const outcome = await call(access.accessToken, recipient.xUserId, text, deadlineWall)
    await receipt({ turn, campaign, inFlight, settledTo, access }, outcome)
  }

  async function call(accessToken: string, participantId: string, text: string, deadlineWall: number) {
    const { timeoutMs } = deps
    // A process that slept past its deadline has lost its claim, or is about to: it must not send.
    const late = clock.wall() > deadlineWall - timeoutMs
    const unsent: SendOutcome = { kind: 'not_sent', reason: 'unreachable', limits: {}, detail: 'deadline passed' }
    return late ? unsent : await deps.x.sendDm({ accessToken, participantId, text, timeoutMs })
  }

  async function receipt(underway: Underway, outcome: SendOutcome): Promise<void> {
    const { turn, campaign, inFlight, access } = underway
    const answeredAt = clock.campaign()
    const after = settle(outcome, access.refreshed)
    const pacer = {
      spent: () => afterSend(turn.pacer, answeredAt, outcome.limits),
      blocked: () => afterRefusal(turn.pacer, answeredAt, outcome.limits),
      kept: () => turn.pacer,
    }[after.quota]()
    if (outcome.kind !== 'sent') {
      const { kind, reason } = outcome
      log('info', 'message.not_delivered', { campaign: campaign.id, ordinal: inFlight.ordinal, kind, reason })
    }
    const settlement = settlementOf(outcome, after.recipient, answeredAt)
    if ((await close(turn, inFlight, campaign, settlement, pacer)) === 'lost') return
    await turns.advance(turn.account, campaign.id, turn.n, underway.settledTo)
    if (after.refresh) await deps.accounts.expireToken(turn.account, access.version)
    const next = { ...turn, n: turn.n + 1 }
    if (after.pauseCampaign) return await pause(next, campaign, after.pauseCampaign)
    await again(next, after.waitMs ?? 0)
  }

  async function close(
    turn: Turn,
    inFlight: InFlight,
    campaign: Campaign,
    settlement: Settlement,
    pacer: PacerState,
  ): Promise<'settled' | 'lost'> {
    const spent = pacer.count > turn.pacer.count && { answeredAt: pacer.recent.at(-1)! }
    const dueWall = clock.wall() + slackMs
    const receipt = { turn, inFlight, campaign, settlement, pacer, ...spent, dueWall }
    return await turns.settle(receipt, clock.wall)
  }

  /** A fresh link for this attempt; its clock, and everything downstream of it, starts now. */
  function askLink(campaign: Campaign, { segments }: Recipient): Link {
    const now = clock.campaign()
    const { ws, id: cmp, destination, windowMs } = campaign
    const about = { ws, host, slug: newSlug(), cmp, destination, windowMs, segments }
    return { type: 'link', kind: 'ask', ...about, sentAt: now, createdAt: now }
  }

  function textOf(campaign: Campaign, recipient: Recipient, link: string): string | undefined {
    const { name, handle, followers, segments, ordinal } = recipient
    const fields = { name, handle, followers, lang: segments.lang, sender: campaign.sender, link }
    try {
      return renderMessage(campaign.message, fields)
    } catch (error) {
      log('error', 'message.unrenderable', { campaign: campaign.id, ordinal, reason: reasonOf(error) })
      return undefined
    }
  }

  return Object.assign(attempt, { close })
}

function settlementOf(outcome: SendOutcome, status: Recipient['status'], at: number): Settlement {
  if (outcome.kind === 'sent') return { status: 'sent', sentAt: at, dmEventId: outcome.dmEventId }
  if (status === 'pending') return { status }
  return { status: outcome.kind === 'refused' ? 'refused' : 'unknown', reason: outcome.reason, settledAt: at }
}
