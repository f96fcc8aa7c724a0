/** The report as `GET /v1/campaigns/{id}/report` answers it; what each figure means is in shared/measure/report.ts. */
import * as z from 'zod'

const text = z.object({ fr: z.string(), en: z.string() })
const share = z.number().nullable()
const counts = z.record(z.string(), z.int())
const step = z.object({ count: z.int(), rate: share, low: share, high: share })

const header = z.object({
  id: z.string(),
  name: z.string(),
  sender: z.string(),
  page: z.string(),
  message: z.string(),
  delivery: z.enum(['x_dm', 'external', 'public_post']),
  privacy: z.enum(['aggregate', 'individual']),
  offer: z.literal(false),
  windowHours: z.number(),
  state: z.enum(['draft', 'scheduled', 'sending', 'paused', 'tracking', 'completed', 'cancelled']),
  provisional: z.boolean(),
  notice: text.nullable(),
  startedAt: z.string().nullable(),
  completedAt: z.string().nullable(),
  at: z.string(),
})

const funnel = z.object({
  sent: step,
  readers: step,
  relays: step.extend({ pressed: z.int(), seen: z.int(), confirmed: z.int().nullable() }),
  visits: step,
  visitorDays: step,
})

const coefficient = z.object({
  value: share,
  low: share,
  high: share,
  method: z.enum(['wilson', 'log_delta_t', 'log_delta_z', 'inverse_of_virality']).nullable(),
  reason: text.nullable(),
  sentence: text.nullable(),
})

const spread = z.object({
  visitsPerRelay: z.array(z.int()),
  median: z.number(),
  zeroShare: z.number(),
  topShare: share,
  withoutTop: share,
  gini: share,
})

const coefficients = z.object({
  contact: coefficient,
  trust: coefficient,
  virality: coefficient.extend({ spread: spread.nullable() }),
  yield: coefficient.extend({ viralityShare: share }),
  breakEven: coefficient,
  cascade: coefficient,
})

const steps = { sent: z.int(), readers: z.int(), relays: z.int(), visits: z.int() }
const rate = z.object({ rate: z.number(), low: z.number(), high: z.number() }).nullable()

const filtering = z.object({
  hits: z.int(),
  bots: z.int(),
  people: z.int(),
  removedShare: share,
  reasons: counts,
})

const health = z.object({
  recipients: z.int(),
  pending: z.int(),
  sending: z.int(),
  unknown: z.int(),
  refused: z.object({ count: z.int(), reasons: counts }),
  suppressed: z.object({ count: z.int(), reasons: counts }),
  laterRelays: z.int(),
  laterVisits: z.int(),
  lateRelays: z.int(),
  outOfWindow: z.int(),
  channels: counts,
})

const warning = z.object({
  code: z.enum(['few_readers', 'few_relays', 'one_relayer']),
  value: z.number(),
  threshold: z.number(),
  text,
})

export const report = z
  .object({
    header,
    funnel,
    coefficients,
    hours: z.array(z.object({ at: z.string(), ...steps })),
    segments: z.array(z.object({ name: z.string(), value: z.string(), ...steps, contact: rate, trust: rate })),
    filtering,
    health,
    warnings: z.array(warning),
  })
  .meta({ id: 'Report' })
