/** The article's campaign as the roll-up would leave it: what the tests of the report and its picture start from. */
import { readFileSync } from 'node:fs'
import type { Campaign } from '../../shared/facts.ts'
import type { ReportInput } from '../../shared/measure/report.ts'
import type { TotalFields } from '../../shared/track/total-names.ts'

export const zipf50 = readFileSync(new URL('../fixtures/zipf50.txt', import.meta.url), 'utf8')
  .trim()
  .split(',')
  .map(Number)

export const campaign: Campaign = {
  type: 'campaign',
  ws: 'ws_1',
  id: 'cmp_1',
  name: 'Pourquoi les abeilles dansent',
  sender: 'Camille Artois',
  state: 'completed',
  delivery: 'x_dm',
  privacy: 'aggregate',
  destination: 'https://carnets.example.org/abeilles',
  message: 'Bonjour {{ name }} : {{ link }}',
  relayText: 'À lire',
  account: 'acc_1',
  windowMs: 72 * 3_600_000,
  passItOn: false,
  createdAt: Date.UTC(2026, 10, 23),
  startedAt: Date.UTC(2026, 10, 24, 8),
  completedAt: Date.UTC(2026, 10, 28),
  recipients: 560,
  version: 1,
}

export function article(
  change: { visits?: readonly number[]; total?: TotalFields; campaign?: Partial<Campaign> } = {},
): ReportInput {
  const visits = change.visits ?? zipf50
  return {
    campaign: { ...campaign, ...change.campaign },
    nowMs: Date.UTC(2026, 10, 28, 1),
    totals: {
      campaign: {
        recipients: 560,
        sent: 554,
        suppressed: 6,
        suppressed_no_consent: 6,
        readers: 160,
        relays: visits.length,
        visits: visits.reduce((sum, brought) => sum + brought, 0),
        visitorDays: 790,
        hits: 1322,
        bots: 300,
        bot_method: 100,
        bot_crawler: 200,
        channel_x: 40,
        channel_copy: 10,
        ...change.total,
      },
      hours: {},
      segments: {},
      relays: visits.map((brought, index) => ({ slug: `relay${index}`, generation: 1, visits: brought })),
    },
  }
}
