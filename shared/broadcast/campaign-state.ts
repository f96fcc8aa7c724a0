/**
 * draft → scheduled → sending ⇄ paused → tracking → completed; cancelled. What may be done to a campaign, and where it
 * leads:
 *
 *     move('sending', 'pause')    // { ok: true, state: 'paused' }
 *     move('completed', 'pause')  // { ok: false, allowed: [] }
 *
 * The operator launches, schedules, unschedules, pauses, resumes and cancels; the clock starts a scheduled campaign;
 * the last settled recipient finishes the sending; the last window that runs out completes it.
 */
import type { CampaignState } from '../facts.ts'

export const campaignActions = [
  'launch',
  'schedule',
  'unschedule',
  'start',
  'pause',
  'resume',
  'finish_sending',
  'complete',
  'cancel',
] as const
export type CampaignAction = (typeof campaignActions)[number]

const moves: Record<CampaignState, Partial<Record<CampaignAction, CampaignState>>> = {
  draft: { launch: 'sending', schedule: 'scheduled', cancel: 'cancelled' },
  scheduled: {
    launch: 'sending',
    schedule: 'scheduled',
    unschedule: 'draft',
    start: 'sending',
    cancel: 'cancelled',
  },
  sending: { pause: 'paused', finish_sending: 'tracking', cancel: 'cancelled' },
  // The last answer may arrive after the pause: with nobody left to ask there is nothing to resume.
  paused: { resume: 'sending', finish_sending: 'tracking', cancel: 'cancelled' },
  tracking: { complete: 'completed' },
  completed: {},
  cancelled: {},
}

export type Move = { ok: true; state: CampaignState } | { ok: false; allowed: CampaignAction[] }

export function move(state: CampaignState, action: CampaignAction): Move {
  const next = moves[state][action]
  if (next !== undefined) return { ok: true, state: next }
  return { ok: false, allowed: campaignActions.filter((candidate) => moves[state][candidate] !== undefined) }
}
