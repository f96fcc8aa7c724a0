/** Invented facts for property tests and recorded streams: a small world whose items change over time. */
import fc from 'fast-check'
import type { Fact, HitBlock, Link, Recipient, Relay, VisitorDay } from '../shared/facts.ts'
import type { Change } from '../shared/track/fold.ts'

const ws = 'ws_1'
const host = 'pass.example'
export const day0 = Date.UTC(2026, 8, 1)
const windowMs = 72 * 3_600_000
const cmp = fc.constantFrom('cmp_a', 'cmp_b')
const time = fc.integer({ min: 0, max: 100 * 3_600_000 }).map((ms) => day0 + ms)
const segments = fc.record({
  lang: fc.constantFrom('fr', 'en'),
  tier: fc.constantFrom('<100', '1k-9999'),
}) as fc.Arbitrary<NonNullable<Link['segments']>>
const slug = fc.constantFrom('aaaaaaaaaa', 'bbbbbbbbbb', 'cccccccccc', 'dddddddddd')

const hits: fc.Arbitrary<HitBlock> = fc.record({
  type: fc.constant('hits' as const),
  ws: fc.constant(ws),
  cmp,
  windowMs: fc.constant(windowMs),
  host: fc.constant(host),
  cv: fc.constant(1),
  hits: fc.array(
    fc.record(
      {
        t: time,
        s: slug,
        k: fc.constantFrom('ask' as const, 'relay' as const),
        b: fc.constantFrom('method' as const, 'crawler' as const),
        v: fc.constantFrom('v1', 'v2', 'v3'),
        o: fc.constant(1 as const),
        w: fc.constant(day0),
        g: fc.constantFrom(1, 2),
        sg: segments,
      },
      { requiredKeys: ['t', 's', 'k', 'v', 'w'] },
    ),
    { minLength: 1, maxLength: 5 },
  ),
})

const link: fc.Arbitrary<Link> = fc.record(
  {
    type: fc.constant('link' as const),
    ws: fc.constant(ws),
    host: fc.constant(host),
    slug,
    kind: fc.constant('ask' as const),
    destination: fc.constant('https://example.org/'),
    cmp,
    segments,
    createdAt: fc.constant(day0),
    firstReadAt: time,
    erasedAt: fc.constant(1),
  },
  { requiredKeys: ['type', 'ws', 'host', 'slug', 'kind', 'destination', 'cmp', 'createdAt'] },
)

const relay: fc.Arbitrary<Relay> = fc.record(
  {
    type: fc.constant('relay' as const),
    ws: fc.constant(ws),
    cmp,
    windowMs: fc.constant(windowMs),
    host: fc.constant(host),
    slug,
    parent: slug,
    generation: fc.constantFrom(1, 2),
    channel: fc.constantFrom('x' as const, 'copy' as const),
    pressedAt: time,
    sentAt: fc.constant(day0),
    segments,
    bot: fc.constant('crawler' as const),
    erasedAt: fc.constant(1),
  },
  {
    requiredKeys: [
      'type',
      'ws',
      'cmp',
      'windowMs',
      'host',
      'slug',
      'parent',
      'generation',
      'channel',
      'pressedAt',
      'sentAt',
    ],
  },
)

const visitorDay: fc.Arbitrary<VisitorDay> = fc.record(
  {
    type: fc.constant('visitor_day' as const),
    ws: fc.constant(ws),
    cmp,
    host: fc.constant(host),
    slug,
    kind: fc.constantFrom('relay' as const, 'post' as const),
    generation: fc.constantFrom(1, 2),
    segments,
    halfHours: fc.uniqueArray(fc.integer({ min: 987_000, max: 987_009 }), { minLength: 1 }).map((all) => new Set(all)),
  },
  { requiredKeys: ['type', 'ws', 'cmp', 'host', 'slug', 'kind', 'generation', 'halfHours'] },
)

const recipient: fc.Arbitrary<Recipient> = fc.record(
  {
    type: fc.constant('recipient' as const),
    ws: fc.constant(ws),
    cmp,
    ordinal: fc.integer({ min: 1, max: 9 }),
    status: fc.constantFrom(
      'pending' as const,
      'sending' as const,
      'sent' as const,
      'refused' as const,
      'unknown' as const,
    ),
    reason: fc.constantFrom('forbidden', 'timeout'),
    xUserId: fc.constant('1'),
    handle: fc.constant('nobody'),
    name: fc.constant('Nobody'),
    segments,
    sentAt: time,
  },
  { requiredKeys: ['type', 'ws', 'cmp', 'ordinal', 'status', 'xUserId', 'handle', 'name', 'segments'] },
)

export const anyFact: fc.Arbitrary<Fact> = fc.oneof(hits, link, relay, visitorDay, recipient)

/** A history: items that appear, change, are rewritten as they were, or expire; in the order of one shard. */
export const history: fc.Arbitrary<Change[]> = fc
  .array(fc.record({ item: fc.integer({ min: 0, max: 5 }), next: fc.option(anyFact), again: fc.boolean() }), {
    maxLength: 30,
  })
  .map((steps) => {
    const now = new Map<number, Fact | undefined>()
    return steps.map(({ item, next, again }, i) => {
      const old = now.get(item)
      // One item keeps its type and campaign for life; a new one starts when the old has expired.
      const fits = old === undefined || next === null || next.type === old.type
      const value = again ? old : fits ? (next ?? undefined) : old
      now.set(item, value)
      return { sequence: String(i + 1).padStart(40, '0'), old, new: value }
    })
  })
