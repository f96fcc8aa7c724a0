/**
 * One turn of an account: at most one message, at the pace X allows, to a person nobody has written to in this
 * campaign. Claim, send, receipt; a crash between them leaves an `unknown`, never a second message.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SQSEvent } from 'aws-lambda'
import { renderMessage } from '../../shared/broadcast/message.ts'
import { settle } from '../../shared/broadcast/outcome.ts'
import { afterRefusal, afterSend, earliest, lookback, type PacerState } from '../../shared/broadcast/pacer.ts'
import { stopToken } from '../../shared/broadcast/stop-token.ts'
import { env } from '../../shared/env.ts'
import type { Campaign, Link, Recipient } from '../../shared/facts.ts'
import { newId, newSlug } from '../../shared/id.ts'
import { log, reasonOf } from '../../shared/log.ts'
import { type Access, createAccess, stopSecret } from '../../shared/ports/access.ts'
import { type Clock, clockFromEnv } from '../../shared/ports/clock.ts'
import { createQueue, type Queue, type TurnMessage } from '../../shared/ports/queue.ts'
import { createVault } from '../../shared/ports/vault.ts'
import { createX, type SendOutcome, type X } from '../../shared/ports/x.ts'
import { type Accounts, createAccounts } from '../../shared/table/accounts.ts'
import { type Campaigns, createCampaigns } from '../../shared/table/campaigns.ts'
import { createTable } from '../../shared/table/client.ts'
import { createRecipients, type Recipients } from '../../shared/table/recipients.ts'
import { createTurns, type InFlight, type Settlement, type Turn, type Turns } from '../../shared/table/turns.ts'

/** Waits up to this long happen here; longer ones in the queue. */
const longestWaitMs = 5_000
const longestDelaySeconds = 900
/** What a turn may take beside its call to X. */
const slackMs = 5_000

export interface SendDeps {
  campaigns: Campaigns
  recipients: Recipients
  turns: Turns
  accounts: Accounts
  access: Access
  x: X
  queue: Queue
  clock: Clock
  stopSecret: string
  publicUrl: string
  timeoutMs: number
}

export function createSend(deps: SendDeps) {
  const { campaigns, recipients, turns, queue, clock } = deps
  const host = new URL(deps.publicUrl).host

  return async function send(message: TurnMessage): Promise<void> {
    const turn = await turns.load(message.account)
    if (turn?.n !== message.n) return
    if (turn.inFlight) return await held(turn, turn.inFlight)
    const run = await nextRun(turn)
    if (run === undefined) return
    const { next, settledTo } = await recipients.nextPending(run.campaign.ws, run.campaign.id, run.cursor)
    if (next === undefined) return await finish(turn, run.campaign)
    const waitMs = await paceMs(turn)
    if (waitMs > longestWaitMs) return await again(turn, waitMs)
    if (waitMs > 0) await sleep(waitMs)
    await attempt(turn, run.campaign, next, settledTo)
  }

  /** Brings this turn back later. */
  async function again(turn: Turn, waitMs: number): Promise<void> {
    const delaySeconds = Math.min(longestDelaySeconds, Math.ceil(waitMs / 1000))
    if (delaySeconds > 0) await turns.expectBy(turn, clock.wall() + delaySeconds * 1000)
    await queue.send('turns', { account: turn.account, n: turn.n }, delaySeconds)
  }

  /** Somebody claimed a recipient in this turn: either they are at work, or they are gone and nobody knows more. */
  async function held(turn: Turn, inFlight: InFlight): Promise<void> {
    const leftMs = inFlight.deadlineWall - clock.wall()
    if (leftMs >= 0) return await again(turn, leftMs + 1000)
    const campaign = await campaigns.get(inFlight.ws, inFlight.cmp)
    if (!campaign) throw new Error(`campaign ${inFlight.cmp} of an attempt is gone`)
    const pacer = afterSend(turn.pacer, clock.campaign())
    log('warn', 'message.unknown', { campaign: inFlight.cmp, ordinal: inFlight.ordinal, reason: 'no_receipt' })
    await close(
      turn,
      inFlight,
      campaign,
      { status: 'unknown', reason: 'no_receipt', settledAt: clock.campaign() },
      pacer,
      inFlight.ordinal,
    )
    await queue.send('turns', { account: turn.account, n: turn.n + 1 })
  }

  /** The campaign to serve: sending, and least recently served. */
  async function nextRun(turn: Turn): Promise<{ campaign: Campaign; cursor: number } | undefined> {
    const runs = (await campaigns.runs(turn.account)).sort((a, b) => a.lastTurn - b.lastTurn)
    for (const { ws, cmp, cursor } of runs) {
      const campaign = await campaigns.get(ws, cmp)
      if (campaign?.state === 'sending') return { campaign, cursor }
    }
    return undefined
  }

  /** All settled: the campaign goes on tracking until the last recipient's clock has run out. */
  async function finish(turn: Turn, campaign: Campaign): Promise<void> {
    const { ws, id: cmp, windowMs } = campaign
    // Somebody claimed the last ones since this turn was read: it will be stale, or show who holds it.
    if (await recipients.unsettled(ws, cmp)) return await again(turn, 1000)
    const sentDoneAt = clock.campaign()
    const add = { at: sentDoneAt + windowMs, action: 'complete' as const, ws, cmp }
    await campaigns.move(campaign, 'tracking', sentDoneAt, { sentDoneAt }, { add })
    await again(turn, 0)
  }

  /** Wall time until the account may send. */
  async function paceMs(turn: Turn): Promise<number> {
    const back = lookback(turn.pacer)
    const [userDay, accountDay] = await Promise.all([
      turns.answeredAt(turn.account, back.userDay),
      turns.answeredAt(turn.account, back.accountDay),
    ])
    const now = clock.campaign()
    return clock.wallMs(earliest(turn.pacer, { userDay, accountDay }, now).atMs - now)
  }

  async function attempt(turn: Turn, campaign: Campaign, recipient: Recipient, settledTo: number): Promise<void> {
    const access = await deps.access.token(campaign.ws, turn.account)
    if (access.kind === 'wait') return await again(turn, access.waitMs)
    if (access.kind === 'reconnect') return await pause(turn, campaign, 'reconnect')
    const link = askLink(campaign, recipient)
    const text = textOf(campaign, recipient, link)
    if (text === undefined) return await pause(turn, campaign, 'message')
    const deadlineWall = clock.wall() + deps.timeoutMs + slackMs
    const id = newId('att', clock.wall())
    const claim = { turn, recipient, campaign, link, attempt: id, deadlineWall, stopToken: link.stopToken! }
    const claimed = await turns.claim(claim)
    if (claimed === 'suppressed') await turns.suppress(recipient)
    if (claimed !== 'claimed') return await again(turn, claimed === 'lost' ? 1000 : 0)
    const inFlight = {
      ws: campaign.ws,
      cmp: campaign.id,
      ordinal: recipient.ordinal,
      slug: link.slug,
      attempt: id,
      deadlineWall,
    }
    const call = { accessToken: access.accessToken, participantId: recipient.xUserId, text, timeoutMs: deps.timeoutMs }
    // A process that slept past its deadline has lost its claim, or is about to: it must not send.
    const late = clock.wall() > deadlineWall - deps.timeoutMs
    const outcome: SendOutcome = late
      ? { kind: 'not_sent', reason: 'unreachable', limits: {}, detail: 'deadline passed before the call' }
      : await deps.x.sendDm(call)
    await receipt(turn, campaign, inFlight, outcome, access, settledTo)
  }

  async function receipt(
    turn: Turn,
    campaign: Campaign,
    inFlight: InFlight,
    outcome: SendOutcome,
    access: { version: number; refreshed: boolean },
    settledTo: number,
  ): Promise<void> {
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
    const cursor = after.recipient === 'pending' ? settledTo : inFlight.ordinal
    if ((await close(turn, inFlight, campaign, settlement, pacer, cursor)) === 'lost') return
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
    cursor: number,
  ): Promise<'settled' | 'lost'> {
    const spent = pacer.count > turn.pacer.count && { answeredAt: pacer.recent.at(-1)! }
    const dueWall = clock.wall() + slackMs
    const closed = await turns.settle({ turn, inFlight, campaign, settlement, pacer, ...spent, dueWall, host })
    if (closed === 'settled') await turns.advance(turn.account, campaign.id, turn.n, cursor)
    return closed
  }

  /** Stops this campaign, says why, and lets the account's others go on. */
  async function pause(turn: Turn, campaign: Campaign, pausedReason: string): Promise<void> {
    log('warn', 'campaign.paused', { campaign: campaign.id, reason: pausedReason })
    await campaigns.move(campaign, 'paused', clock.campaign(), { pausedReason })
    await again(turn, 0)
  }

  /** A fresh link for this attempt; its clock, and everything downstream of it, starts now. */
  function askLink(campaign: Campaign, recipient: Recipient): Link {
    const now = clock.campaign()
    return {
      type: 'link',
      ws: campaign.ws,
      host,
      slug: newSlug(),
      kind: 'ask',
      destination: campaign.destination,
      cmp: campaign.id,
      windowMs: campaign.windowMs,
      sentAt: now,
      segments: recipient.segments,
      stopToken: stopToken(deps.stopSecret, campaign.ws, recipient.xUserId),
      createdAt: now,
    }
  }

  function textOf(campaign: Campaign, recipient: Recipient, link: Link): string | undefined {
    const { name, handle, followers, segments } = recipient
    const fields = { name, handle, followers, lang: segments.lang, sender: campaign.sender }
    try {
      return renderMessage(campaign.message, { ...fields, link: `${deps.publicUrl}/${link.slug}` })
    } catch (error) {
      log('error', 'message.unrenderable', {
        campaign: campaign.id,
        ordinal: recipient.ordinal,
        reason: reasonOf(error),
      })
      return undefined
    }
  }
}

function settlementOf(outcome: SendOutcome, status: Recipient['status'], at: number): Settlement {
  if (outcome.kind === 'sent') return { status: 'sent', sentAt: at, dmEventId: outcome.dmEventId }
  if (status === 'pending') return { status }
  return { status: outcome.kind === 'refused' ? 'refused' : 'unknown', reason: outcome.reason, settledAt: at }
}

async function wire() {
  const table = createTable()
  const clock = clockFromEnv()
  const accounts = createAccounts(table)
  const [keyId, keyFile] = [env.vaultKeyId(), env.vaultKeyFile()]
  const vault = createVault(keyId ? { keyId, region: env.region() } : { keyFile: keyFile ?? '.passalong/vault.key' })
  const timeoutMs = env.xTimeoutMs()
  const [clientId, clientSecret] = [env.xClientId() ?? 'sandbox', env.xClientSecret()]
  const x = createX({ baseUrl: env.xApiUrl(), clientId, clientSecret, timeoutMs })
  return createSend({
    campaigns: createCampaigns(table),
    recipients: createRecipients(table),
    turns: createTurns(table),
    accounts,
    access: createAccess({ accounts, vault, x, clock }),
    x,
    queue: createQueue(),
    clock,
    stopSecret: await stopSecret(accounts, vault),
    publicUrl: env.publicUrl(),
    timeoutMs,
  })
}

let wired: ReturnType<typeof wire> | undefined

export const handler = async (event: SQSEvent): Promise<void> => {
  wired ??= wire().catch((error: unknown) => {
    wired = undefined
    throw error
  })
  const send = await wired
  for (const record of event.Records) await send(JSON.parse(record.body) as TurnMessage)
}
