/**
 * Each minute: starts the campaigns whose time has come, completes those whose last clock has run out, re-seeds the
 * turn of an account that has messages to send and nobody sending them, and destroys the salts of past days.
 */
import { log, reasonOf } from '../../shared/log.ts'
import { type Clock, clockFromEnv } from '../../shared/ports/clock.ts'
import { createQueue, type Queue } from '../../shared/ports/queue.ts'
import { type AgendaEntry, type Campaigns, createCampaigns } from '../../shared/table/campaigns.ts'
import { createTable } from '../../shared/table/client.ts'
import { createSaltEnder } from '../../shared/table/end-salts.ts'
import { createTurns, type Turns } from '../../shared/table/turns.ts'

/** A turn this late is lost: its message died with a process, or never was sent. */
const graceMs = 5_000

export interface LaunchDeps {
  endSalts(now: number): Promise<void>
  campaigns: Campaigns
  turns: Turns
  queue: Queue
  clock: Clock
}

export function createLaunch({ campaigns, turns, queue, clock, endSalts }: LaunchDeps) {
  return async function tick(): Promise<void> {
    for (const entry of await campaigns.due(clock.campaign())) await alone(entry.cmp, () => carryOut(entry))
    await alone('salts', () => endSalts(clock.campaign()))
    for (const { account } of await turns.watched()) await alone(account, () => reseed(account))
  }

  /** One campaign's trouble is not another's. */
  async function alone(about: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      log('error', 'launch.failed', { about, reason: reasonOf(error) })
    }
  }

  async function carryOut(entry: AgendaEntry): Promise<void> {
    const campaign = await campaigns.get(entry.ws, entry.cmp)
    const now = clock.campaign()
    if (entry.action === 'start' && campaign?.state === 'scheduled') {
      // Before the move: should this process die right after it, the watchdog knows the account.
      const turn = await turns.ensure(campaign.ws, campaign.account, clock.wall())
      await campaigns.move(campaign, 'sending', now, { startedAt: now }, { remove: entry })
      await queue.send('turns', { account: turn.account, n: turn.n })
    } else if (entry.action === 'complete' && campaign?.state === 'tracking') {
      await campaigns.move(campaign, 'completed', now, { completedAt: now }, { remove: entry })
    } else await campaigns.forget(entry)
  }

  async function reseed(account: string): Promise<void> {
    const turn = await turns.load(account)
    if (!turn || clock.wall() < turn.dueWall + graceMs) return
    // A claim outlives its campaign's pause or end: somebody must still find out that nobody knows its outcome.
    if (!turn.inFlight && !(await sending(account))) return
    log('warn', 'turn.reseeded', { account, n: turn.n })
    await queue.send('turns', { account, n: turn.n })
    await turns.expectBy(turn, clock.wall())
  }

  async function sending(account: string): Promise<boolean> {
    for (const { ws, cmp } of await campaigns.runs(account)) {
      if ((await campaigns.get(ws, cmp))?.state === 'sending') return true
    }
    return false
  }
}

function wire() {
  const table = createTable()
  const [campaigns, turns] = [createCampaigns(table), createTurns(table)]
  return createLaunch({
    campaigns,
    turns,
    queue: createQueue(),
    clock: clockFromEnv(),
    endSalts: createSaltEnder(table),
  })
}

let tick: ReturnType<typeof createLaunch> | undefined

export const handler = async (): Promise<void> => {
  tick ??= wire()
  await tick()
}
