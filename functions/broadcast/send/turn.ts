/**
 * One turn of an account, from a queue message to the next: whose campaign, when, and whom to write to. The message
 * itself goes out in attempt.ts.
 */
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkLaunch } from '../../../shared/broadcast/launch-guard.ts'
import { afterSend, earliest, lookback } from '../../../shared/broadcast/pacer.ts'
import type { Campaign } from '../../../shared/facts.ts'
import { log } from '../../../shared/log.ts'
import type { Access } from '../../../shared/ports/access.ts'
import type { Clock } from '../../../shared/ports/clock.ts'
import type { Queue, TurnMessage } from '../../../shared/ports/queue.ts'
import type { X } from '../../../shared/ports/x.ts'
import type { Accounts } from '../../../shared/table/accounts.ts'
import type { Campaigns } from '../../../shared/table/campaigns.ts'
import type { Candidates, Recipients } from '../../../shared/table/recipients.ts'
import type { InFlight, Turn, Turns } from '../../../shared/table/turns.ts'
import { createAttempt } from './attempt.ts'

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
  xApiUrl: string
  /** How long a call to X may take. */
  timeoutMs: number
}

/** How a turn goes on: the next one, or this one again later. */
export interface Passing {
  again(turn: Turn, waitMs: number): Promise<void>
  pause(turn: Turn, campaign: Campaign, reason: string): Promise<void>
}

/** Waits up to this long happen here; longer ones in the queue. */
const longestWaitMs = 5_000
const longestDelaySeconds = 900
/**
 * In `aggregate` the next person is drawn from this many, an hour's worth of messages: in the order of the list, the
 * order of the links' times would tell whose link is whose.
 */
const drawFrom = 60

export function createSend(deps: SendDeps) {
  const { campaigns, recipients, turns, queue, clock } = deps
  const site = checkLaunch(deps)
  const attempt = createAttempt(deps, { again, pause })

  return async function send(message: TurnMessage): Promise<void> {
    const turn = await turns.load(message.account)
    if (turn?.n !== message.n) return
    if (turn.inFlight) return await held(turn, turn.inFlight)
    const run = await nextRun(turn)
    if (run === undefined) return
    const { pending } = run.candidates
    if (pending.length === 0) return await finish(turn, run.campaign, run.candidates)
    if (!site.ok) return await pause(turn, run.campaign, 'public_url')
    const waitMs = await paceMs(turn)
    if (waitMs > longestWaitMs) return await again(turn, waitMs)
    if (waitMs > 0) await sleep(waitMs)
    await attempt(turn, run.campaign, pending[randomInt(pending.length)]!, run.candidates.settledTo)
  }

  /** Brings this turn back later. */
  async function again(turn: Turn, waitMs: number): Promise<void> {
    const delaySeconds = Math.min(longestDelaySeconds, Math.ceil(waitMs / 1000))
    if (delaySeconds > 0) await turns.expectBy(turn, clock.wall() + delaySeconds * 1000)
    await queue.send('turns', { account: turn.account, n: turn.n }, delaySeconds)
  }

  /** Stops this campaign, says why, and lets the account's others go on. */
  async function pause(turn: Turn, campaign: Campaign, pausedReason: string): Promise<void> {
    log('warn', 'campaign.paused', { campaign: campaign.id, reason: pausedReason })
    await campaigns.move(campaign, 'paused', clock.campaign(), { pausedReason })
    await again(turn, 0)
  }

  /** Somebody claimed a recipient in this turn: either they are at work, or they are gone and nobody knows more. */
  async function held(turn: Turn, inFlight: InFlight): Promise<void> {
    const leftMs = inFlight.deadlineWall - clock.wall()
    if (leftMs >= 0) return await again(turn, leftMs + 1000)
    const campaign = await campaigns.get(inFlight.ws, inFlight.cmp)
    const at = clock.campaign()
    log('warn', 'message.unknown', { campaign: inFlight.cmp, ordinal: inFlight.ordinal, reason: 'no_receipt' })
    const settlement = { status: 'unknown' as const, reason: 'no_receipt', settledAt: at }
    const pacer = afterSend(turn.pacer, at)
    const closed = campaign ? await attempt.close(turn, inFlight, campaign, settlement, pacer) : 'lost'
    // The row knows nothing of this attempt (tables restored to different moments): the account must go on all the same.
    if (closed === 'lost') await turns.release(turn, inFlight, pacer)
    await again({ ...turn, n: turn.n + 1 }, 0)
  }

  /** The campaign to serve: least recently served among those sending, and any with nobody left to write to. */
  async function nextRun(turn: Turn): Promise<{ campaign: Campaign; candidates: Candidates } | undefined> {
    const runs = (await campaigns.runs(turn.account)).sort((a, b) => a.lastTurn - b.lastTurn)
    for (const { ws, cmp, cursor } of runs) {
      const campaign = await campaigns.get(ws, cmp)
      if (campaign?.state !== 'sending' && campaign?.state !== 'paused') continue
      const want = campaign.privacy === 'aggregate' ? drawFrom : 1
      const candidates = await recipients.candidates(ws, cmp, cursor, want)
      // Paused while its last message was under way: it has nothing left to resume.
      if (campaign.state === 'sending' || candidates.pending.length === 0) return { campaign, candidates }
    }
    return undefined
  }

  /** All settled: the campaign goes on tracking until the last recipient's clock has run out. */
  async function finish(turn: Turn, campaign: Campaign, { claimed }: Candidates): Promise<void> {
    const { ws, id: cmp, windowMs } = campaign
    const lost = claimed?.deadlineWall !== undefined && claimed.deadlineWall < clock.wall()
    if (claimed && lost && (await turns.load(turn.account))?.inFlight === undefined) await turns.disown(claimed)
    // Somebody claimed the last ones since this turn was read: it will be stale, or show who holds it.
    if (await recipients.unsettled(ws, cmp)) return await again(turn, 1000)
    const sentDoneAt = clock.campaign()
    const add = { at: sentDoneAt + windowMs, action: 'complete' as const, ws, cmp }
    await campaigns.move(campaign, 'tracking', sentDoneAt, { sentDoneAt, pausedReason: undefined }, { add })
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
}
