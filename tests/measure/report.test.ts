import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildReport } from '../../shared/measure/report.ts'
import type { Text } from '../../shared/measure/words.ts'
import { article, campaign, zipf50 } from './article.ts'

/** With ordinary spaces, as the design writes them. */
const plain = (text: Text | null) => text && { fr: text.fr.replaceAll('\u202f', ' '), en: text.en }

describe('the article', () => {
  const report = buildReport(article())

  test('funnel', () => {
    expect(report.funnel.sent).toMatchObject({ count: 554, rate: 554 / 560 })
    expect(report.funnel.readers).toMatchObject({ count: 160, rate: 160 / 554 })
    expect(report.funnel.relays).toMatchObject({ count: 50, rate: 0.3125, pressed: 50, seen: 50, confirmed: null })
    expect(report.funnel.visits).toMatchObject({ count: 812, rate: 16.24 })
    expect(report.funnel.visitorDays).toEqual({ count: 790, rate: null, low: null, high: null })
  })

  test('coefficients', () => {
    const { contact, trust, virality, breakEven, cascade, yield: yielded } = report.coefficients
    expect(contact.value).toBeCloseTo(0.288809, 6)
    expect(trust).toMatchObject({ value: 0.3125, method: 'wilson', reason: null })
    expect(virality).toMatchObject({ value: 16.24, method: 'log_delta_t', reason: null })
    expect(virality.spread).toMatchObject({ median: 7, zeroShare: 0 })
    expect(breakEven.value).toBeCloseTo(1 / 16.24, 12)
    expect(breakEven.low).toBeCloseTo(1 / 26.694156, 6)
    expect(yielded.value).toBeCloseTo(1.465703971, 9)
    expect(yielded.viralityShare).toBeCloseTo(0.7707, 4)
    expect(cascade).toMatchObject({ value: 1, low: null, method: null })
  })

  test('sentences, word for word', () => {
    const { trust, virality, breakEven } = report.coefficients
    expect(plain(trust.sentence)).toEqual({
      fr: '50 lecteurs sur 160 ont relayé : 31 % (fourchette plausible : 25 à 39 %).',
      en: '50 of 160 readers relayed: 31% (plausibly 25–39%).',
    })
    expect(plain(virality.sentence)).toEqual({
      fr: 'Chaque relais a amené 16 visites en moyenne (fourchette plausible : 10 à 27) ; la moitié en ont amené 7 ou moins. Sans le relais le plus suivi : 13.',
      en: 'Each relay brought 16 visits on average (plausibly 10–27); half brought 7 or fewer. Without the most followed one: 13.',
    })
    expect(plain(breakEven.sentence)).toEqual({
      fr: 'Pour que le message se propage de lui-même, il faudrait que plus de 6,2 % des visiteurs le relaient.',
      en: 'To spread on its own, more than 6.2% of visitors would have to relay.',
    })
  })

  test('raw against filtered, health, no warning, final', () => {
    expect(report.filtering).toMatchObject({ hits: 1322, bots: 300, people: 1022, removedShare: 300 / 1322 })
    expect(report.filtering.reasons).toMatchObject({ method: 100, crawler: 200, prefetch: 0 })
    expect(report.health.suppressed).toEqual({ count: 6, reasons: { no_consent: 6 } })
    expect(report.health.channels).toEqual({ x: 40, copy: 10 })
    expect(report.warnings).toEqual([])
    expect(report.header).toMatchObject({ provisional: false, notice: null, offer: false, windowHours: 72 })
    expect(report.header.startedAt).toBe('2026-11-24T08:00:00.000Z')
  })
})

test('relays that brought nothing lower V, whether or not they have a total', () => {
  const withZeros = article({ visits: [...zipf50, ...Array(50).fill(0)] })
  const withoutTotals = { ...withZeros, totals: { ...withZeros.totals, relays: article().totals.relays } }
  const report = buildReport(withZeros)
  expect(report.coefficients.virality).toMatchObject({ value: 8.12, spread: { zeroShare: 0.5 } })
  expect(report.funnel.relays).toMatchObject({ pressed: 100, seen: 50 })
  expect(buildReport(withoutTotals).coefficients).toEqual(report.coefficients)
})

test('later generations count in the yield and the cascade, never in V', () => {
  const input = article({ total: { laterVisits: 203, laterRelays: 9 } })
  input.totals.relays = [...input.totals.relays, { slug: 'later', generation: 2, visits: 203 }]
  const { virality, cascade, yield: yielded } = buildReport(input).coefficients
  expect(virality).toEqual(buildReport(article()).coefficients.virality)
  expect(cascade.value).toBe(1.25)
  expect(yielded.value).toBe(1015 / 554)
})

test('nothing yet: null with a reason instead of a ratio', () => {
  const input = article({ visits: [], campaign: { state: 'scheduled' } })
  const report = buildReport({ ...input, totals: { ...input.totals, campaign: {} } })
  for (const coefficient of Object.values(report.coefficients)) {
    expect(coefficient).toMatchObject({ value: null, low: null, high: null, sentence: null })
    expect(coefficient.reason?.fr).toBeTruthy()
  }
  expect(report.hours).toEqual([])
  expect(report.header.provisional).toBe(true)
  expect(plain(report.header.notice)).toEqual({
    fr: 'Provisoire : trop tôt pour conclure.',
    en: "Provisional: don't decide yet.",
  })
})

describe('warnings', () => {
  const codes = (input: Parameters<typeof buildReport>[0]) => buildReport(input).warnings.map((warning) => warning.code)

  test.each([
    ['80 readers', article({ total: { readers: 80 } }), ['few_readers']],
    ['81 readers', article({ total: { readers: 81 } }), []],
    ['19 relays', article({ visits: Array(19).fill(5) }), ['few_relays']],
    ['20 relays', article({ visits: Array(20).fill(5) }), []],
    ['a quarter through one relay', article({ visits: [19, ...Array(19).fill(3)] }), []],
    ['more than a quarter', article({ visits: [20, ...Array(19).fill(3)] }), ['one_relayer']],
  ])('%s', (_, input, expected) => {
    expect(codes(input)).toEqual(expected)
  })

  test('few relays: no interval, and each of them listed', () => {
    const report = buildReport(article({ visits: [9, 4, 0] }))
    expect(report.coefficients.virality).toMatchObject({ low: null, high: null, method: null })
    expect(report.coefficients.virality.reason?.en).toBe('Fewer than 20 relays.')
    expect(report.warnings.find((warning) => warning.code === 'few_relays')?.text.en).toContain('9, 4, 0')
  })
})

test('hours are continuous, and an hour without anything counted does not stretch them', () => {
  const input = article()
  const hours = { '2026-11-24T23': { readers: 2 }, '2026-11-24T20': { sent: 5 }, '2027-03-01T00': { hits: 9, bots: 9 } }
  const series = buildReport({ ...input, totals: { ...input.totals, hours } }).hours
  expect(series.map((hour) => hour.at.slice(0, 13))).toEqual([
    '2026-11-24T20',
    '2026-11-24T21',
    '2026-11-24T22',
    '2026-11-24T23',
  ])
  expect(series[1]).toMatchObject({ sent: 0, readers: 0, relays: 0, visits: 0 })
  expect(series[3]).toMatchObject({ readers: 2 })
})

test('segments under 20 show counts only', () => {
  const input = article()
  const segments = { 'tier=>=10k': { sent: 12, readers: 3 }, 'lang=fr': { sent: 400, readers: 19, relays: 4 } }
  const report = buildReport({ ...input, totals: { ...input.totals, segments } })
  expect(report.segments).toMatchObject([
    { name: 'lang', value: 'fr', contact: { rate: 19 / 400 }, trust: null },
    { name: 'tier', value: '>=10k', sent: 12, contact: null, trust: null },
  ])
})

test('whatever the totals, no NaN, no infinity, and intervals around their values', () => {
  const small = fc.nat(60)
  const counts = fc.record({
    sent: small,
    readers: small,
    laterVisits: small,
    visits: fc.array(small, { maxLength: 60 }),
  })
  fc.assert(
    fc.property(counts, ({ sent, readers, laterVisits, visits }) => {
      const report = buildReport(article({ visits, total: { sent, readers, laterVisits } }))
      for (const { value, low, high } of Object.values(report.coefficients)) {
        for (const number of [value, low, high]) expect(number === null || Number.isFinite(number)).toBe(true)
        if (low !== null) expect(low <= value! * (1 + 1e-12) && high! >= value! * (1 - 1e-12)).toBe(true)
      }
      expect(JSON.parse(JSON.stringify(report))).toEqual(report)
    }),
  )
})

test('cancelled, a campaign is provisional until its last message’s clock has run out', () => {
  const at = Date.UTC(2026, 0, 5)
  const { windowMs } = campaign
  const cancelled = { ...campaign, state: 'cancelled' as const, movedAt: at }
  const totals = { campaign: {}, hours: {}, segments: {}, relays: [] }
  const headerAt = (nowMs: number) => buildReport({ campaign: cancelled, totals, nowMs }).header
  expect(headerAt(at + windowMs).provisional).toBe(true)
  expect(headerAt(at + windowMs + 1)).toMatchObject({ provisional: false, notice: null })
})
