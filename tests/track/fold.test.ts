import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Fact, HitBlock, Link, Recipient, Relay, VisitorDay } from '../../shared/facts.ts'
import { count, halfHourMs } from '../../shared/track/count.ts'
import { type Change, deltaAfter, type Folded, fold, mergeInto } from '../../shared/track/fold.ts'
import { day0, history } from '../arbitrary-facts.ts'

const sequence = (n: number) => String(n).padStart(40, '0')
const change = (n: number, old: Fact | undefined, next: Fact | undefined): Change => ({
  sequence: sequence(n),
  old,
  new: next,
})

/** name → fields, of campaign cmp_a alone. */
function sums(folded: Folded): Record<string, Record<string, number>> {
  return Object.fromEntries(
    [...folded.values()].map((total) => [total.name, deltaAfter(total, undefined)!.fields] as const),
  )
}

const ask: Link = {
  type: 'link',
  ws: 'ws_1',
  host: 'h',
  slug: 'ask1',
  kind: 'ask',
  destination: 'https://example.org/',
  cmp: 'cmp_a',
  segments: { lang: 'fr', tier: '<100' },
  createdAt: day0,
  sentAt: day0,
}
const visitorDay: VisitorDay = {
  type: 'visitor_day',
  ws: 'ws_1',
  cmp: 'cmp_a',
  host: 'h',
  slug: 'rel1',
  kind: 'relay',
  generation: 1,
  halfHours: new Set([day0 / halfHourMs]),
}
const relay: Relay = {
  type: 'relay',
  ws: 'ws_1',
  cmp: 'cmp_a',
  windowMs: 1000,
  host: 'h',
  slug: 'rel1',
  parent: 'ask1',
  generation: 1,
  channel: 'x',
  pressedAt: day0 + 5,
  sentAt: day0,
}
const recipient: Recipient = {
  type: 'recipient',
  ws: 'ws_1',
  cmp: 'cmp_a',
  ordinal: 1,
  status: 'pending',
  xUserId: '1',
  handle: 'nobody',
  name: 'N',
  segments: { lang: 'fr' },
}

describe('what a change counts', () => {
  test('a reader when firstReadAt appears, in the campaign, its hour and its segments', () => {
    expect(sums(fold([change(1, ask, { ...ask, firstReadAt: day0 + 7_200_000 })]))).toEqual({
      CAMPAIGN: { readers: 1 },
      'HOUR#2026-09-01T02': { readers: 1 },
      'SEG#lang=fr': { readers: 1 },
      'SEG#tier=<100': { readers: 1 },
    })
  })

  test('an earlier first read moves the reader between hours and counts nobody twice', () => {
    const late = { ...ask, firstReadAt: day0 + 7_200_000 }
    expect(sums(fold([change(1, late, { ...ask, firstReadAt: day0 })]))).toEqual({
      'HOUR#2026-09-01T00': { readers: 1 },
      'HOUR#2026-09-01T02': { readers: -1 },
    })
  })

  test('a visit when the half-hour set grows, and nothing when it is written again', () => {
    const grown = { ...visitorDay, halfHours: new Set([day0 / halfHourMs, day0 / halfHourMs + 4]) }
    expect(sums(fold([change(1, visitorDay, grown)]))).toEqual({
      CAMPAIGN: { visits: 1 },
      'HOUR#2026-09-01T02': { visits: 1 },
      'LINK#relay#h#rel1': { visits: 1 },
    })
    expect(fold([change(2, grown, { ...grown })]).size).toBe(0)
  })

  test('a relay once; a machine’s press never; one after the window apart', () => {
    expect(sums(fold([change(1, undefined, relay)])).CAMPAIGN).toEqual({ relays: 1, channel_x: 1 })
    expect(fold([change(1, undefined, { ...relay, bot: 'crawler' })]).size).toBe(0)
    expect(sums(fold([change(1, undefined, { ...relay, pressedAt: day0 + 1001 })])).CAMPAIGN).toEqual({ lateRelays: 1 })
    expect(sums(fold([change(1, undefined, { ...relay, generation: 2 })])).CAMPAIGN).toEqual({
      laterRelays: 1,
      channel_x: 1,
    })
  })

  test('a recipient moves from one status to the next', () => {
    expect(sums(fold([change(1, recipient, { ...recipient, status: 'sending' })])).CAMPAIGN).toEqual({
      pending: -1,
      sending: 1,
    })
    expect(
      sums(fold([change(1, undefined, { ...recipient, status: 'suppressed', reason: 'no_consent' })])).CAMPAIGN,
    ).toEqual({
      recipients: 1,
      suppressed: 1,
      suppressed_no_consent: 1,
    })
  })

  test('hits and bots of a block, with the reason; people after the window', () => {
    const block: HitBlock = {
      type: 'hits',
      ws: 'ws_1',
      cmp: 'cmp_a',
      windowMs: 1000,
      host: 'h',
      cv: 1,
      hits: [
        { t: day0, s: 'ask1', k: 'ask', v: 'v', w: day0 },
        { t: day0, s: 'ask1', k: 'ask', v: 'v', w: day0, b: 'method' },
        { t: day0 + 2000, s: 'ask1', k: 'ask', v: 'v', w: day0 },
      ],
    }
    expect(sums(fold([change(1, undefined, block)])).CAMPAIGN).toEqual({
      hits: 3,
      bots: 1,
      bot_method: 1,
      outOfWindow: 1,
    })
  })

  test('expiry counts nothing, erasure subtracts', () => {
    expect(fold([change(1, visitorDay, undefined)]).size).toBe(0)
    expect(sums(fold([change(1, visitorDay, { ...visitorDay, erasedAt: 1 })])).CAMPAIGN).toEqual({
      visits: -1,
      visitorDays: -1,
    })
  })

  test('a fact of unknown type is refused by name', () => {
    expect(() => count({ type: 'surprise' } as unknown as Fact)).toThrow('"surprise"')
  })
})

describe('properties', () => {
  test('fold(a ++ b) = merge(fold(a), fold(b)), wherever the batch is cut', () => {
    fc.assert(
      fc.property(history, fc.nat(), (changes, at) => {
        const edge = changes.length === 0 ? 0 : at % (changes.length + 1)
        const merged = fold(changes.slice(0, edge))
        mergeInto(merged, fold(changes.slice(edge)))
        expect(merged).toEqual(fold(changes))
      }),
    )
  })

  test('the sum of all changes is the count of what is stored now, plus what expired', () => {
    fc.assert(
      fc.property(history, (changes) => {
        const now = new Map<string, number>()
        const add = (fact: Fact | undefined, sign: number) => {
          for (const { cmp, name, fields } of count(fact))
            for (const [field, n] of Object.entries(fields)) {
              const id = `${cmp} ${name} ${field}`
              now.set(id, (now.get(id) ?? 0) + sign * n)
            }
        }
        for (const { old, new: next } of changes) {
          if (next === undefined) continue
          add(old, -1)
          add(next, 1)
        }
        const folded = new Map<string, number>()
        for (const { cmp, name, parts } of fold(changes).values())
          for (const part of parts)
            for (const [field, n] of Object.entries(part.fields)) {
              const id = `${cmp} ${name} ${field}`
              folded.set(id, (folded.get(id) ?? 0) + n)
            }
        const nonZero = (map: Map<string, number>) => Object.fromEntries([...map].filter(([, n]) => n !== 0).sort())
        expect(nonZero(folded)).toEqual(nonZero(now))
      }),
    )
  })

  test('what is above a checkpoint is what was not below it', () => {
    fc.assert(
      fc.property(history, fc.nat({ max: 31 }), (changes, at) => {
        const checkpoint = sequence(at)
        for (const total of fold(changes).values()) {
          const above = deltaAfter(total, checkpoint)
          expect(above === undefined).toBe(total.parts.every((part) => part.sequence <= checkpoint))
          if (above) expect(above.first > checkpoint && above.last >= above.first).toBe(true)
        }
      }),
    )
  })
})
