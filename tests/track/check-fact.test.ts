import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Fact } from '../../shared/facts.ts'
import { checkFact } from '../../shared/track/check-fact.ts'
import { count } from '../../shared/track/count.ts'
import { deriveOne } from '../../shared/track/derive.ts'
import { anyFact, day0 } from '../arbitrary-facts.ts'

const relay = {
  type: 'relay',
  ws: 'ws_1',
  cmp: 'cmp_a',
  windowMs: 1000,
  host: 'h',
  slug: 'rel1',
  parent: 'ask1',
  generation: 1,
  channel: 'x',
  pressedAt: day0,
}
const hit = { t: day0, s: 'rel1', k: 'relay', v: 'v' }
const block = { type: 'hits', ws: 'ws_1', host: 'h', cv: 1, hits: [hit] }

describe('a broken fact is refused by field, without its content', () => {
  test.each<[string, object]>([
    ['a fact of unknown type "toString"', { type: 'toString' }],
    ['a recipient whose status is not usable', { type: 'recipient', ws: 'ws_1', cmp: 'cmp_a' }],
    ['a relay whose ws is not usable', { ...relay, ws: undefined }],
    ['a relay whose cmp is not usable', { ...relay, cmp: '' }],
    ['a relay whose parent is not usable', { ...relay, parent: 'x'.repeat(2000) }],
    ['a relay whose pressedAt is not usable', { ...relay, pressedAt: '2026-09-01' }],
    ['a relay whose sentAt is not usable', { ...relay, sentAt: Number.NaN }],
    ['a relay whose segments is not usable', { ...relay, segments: { lang: 7 } }],
    ['a hits whose hits is not usable', { ...block, hits: undefined }],
    ['a hits whose hits is not usable', { ...block, hits: [hit, { ...hit, t: 9e15 }] }],
    ['a hits whose hits is not usable', { ...block, hits: [{ ...hit, k: 'surprise' }] }],
    [
      'a visitor_day whose halfHours is not usable',
      { ...block, type: 'visitor_day', slug: 's', kind: 'relay', halfHours: [1] },
    ],
  ])('%s', (reason, fact) => {
    expect(() => checkFact(fact as Fact)).toThrow(new RangeError(reason))
  })
})

test('any field of any fact may be torn: it is refused, or what it adds and derives is finite and named', () => {
  const torn = fc.constantFrom(undefined, null, '', 'torn', Number.NaN, 1e300, -1, [], {}, new Set(['x']))
  fc.assert(
    fc.property(anyFact, fc.nat(), torn, (fact, at, value) => {
      const field = Object.keys(fact)[at % Object.keys(fact).length]!
      const broken = { ...fact, [field]: value } as Fact
      const outcome = attempt(() => ({
        counts: count(broken),
        derived: deriveOne({ sequence: '1', old: undefined, new: broken }),
      }))
      if (outcome === undefined) return
      for (const { ws, name, fields } of outcome.counts) {
        expect(typeof ws).toBe('string')
        expect(name).not.toMatch(/undefined|NaN|null|object/)
        for (const [named, n] of Object.entries(fields))
          expect([named !== 'undefined', Number.isFinite(n)]).toEqual([true, true])
      }
      for (const one of outcome.derived) {
        if (one.kind === 'first_read') expect(Number.isFinite(one.at)).toBe(true)
        if (one.kind === 'visitor_day') expect([...one.halfHours].every(Number.isFinite)).toBe(true)
      }
    }),
    { numRuns: 2000 },
  )
})

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError)
    return undefined
  }
}
