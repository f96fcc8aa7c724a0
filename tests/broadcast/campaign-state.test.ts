import { expect, it } from 'vitest'
import { campaignActions, move } from '../../shared/broadcast/campaign-state.ts'
import type { CampaignState } from '../../shared/facts.ts'

/** Where every state goes by every action, in the order of `campaignActions`; `-`: it may not. */
const table: Record<CampaignState, string> = {
  // launch schedule unschedule start pause resume finish_sending complete cancel
  draft: 'sending scheduled - - - - - - cancelled',
  scheduled: 'sending scheduled draft sending - - - - cancelled',
  sending: '- - - - paused - tracking - cancelled',
  paused: '- - - - - sending tracking - cancelled',
  tracking: '- - - - - - - completed -',
  completed: '- - - - - - - - -',
  cancelled: '- - - - - - - - -',
}

const cases = Object.entries(table).flatMap(([state, row]) =>
  row.split(' ').map((next, i) => [state as CampaignState, campaignActions[i]!, next] as const),
)

it.each(cases)('%s, %s: %s', (state, action, next) => {
  const allowed = cases.filter(([from, , to]) => from === state && to !== '-').map(([, permitted]) => permitted)
  expect(move(state, action)).toEqual(next === '-' ? { ok: false, allowed } : { ok: true, state: next })
})

it('has every state and action in the table', () => {
  expect(cases).toHaveLength(7 * campaignActions.length)
})
