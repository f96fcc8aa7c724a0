import fc from 'fast-check'
import { expect, test } from 'vitest'
import { funnelSvg } from '../../shared/measure/funnel-svg.ts'
import { buildReport } from '../../shared/measure/report.ts'
import { article } from './article.ts'

const words = (svg: string) => svg.replaceAll('\u202f', ' ').replace(/<[^>]*>/g, '\n')
/** Heights of the four bars, left to right. */
const bars = (svg: string) => [...svg.matchAll(/width="10" height="([\d.]+)"/g)].map((match) => Number(match[1]))

test('shows the four numbers, the two coefficients with their ranges, and the sentence', () => {
  const french = words(funnelSvg(buildReport(article()), 'fr'))
  for (const shown of ['554', '160', '50', '812', '29 %', '31 %', 'fourchette plausible : 25 à 39 %', '10 à 27']) {
    expect(french).toContain(shown)
  }
  expect(french).toContain('50 lecteurs sur 160 ont relayé.')
  expect(french).toContain('Chaque relais a amené 16 visites en moyenne.')
  expect(french).not.toContain('Provisoire')
  const english = words(funnelSvg(buildReport(article({ campaign: { state: 'tracking' } })), 'en'))
  expect(english).toContain('plausibly 25–39%')
  expect(english).toContain('Provisional: don&#39;t decide yet')
})

test('heights are to scale', () => {
  const heights = bars(funnelSvg(buildReport(article()), 'en'))
  const expected = [554, 160, 50, 812].map((count) => (count / 812) * heights[3]!)
  expect(heights).toHaveLength(4)
  for (const [stage, height] of heights.entries()) expect(height).toBeCloseTo(expected[stage]!, 1)
})

test('stays small with many relays', () => {
  const visits = Array.from({ length: 20_000 }, (_, rank) => Math.floor(20_000 / (rank + 1)))
  const svg = funnelSvg(buildReport(article({ visits, total: { sent: 1_184_532, readers: 412_008 } })), 'fr')
  expect(svg.length).toBeLessThan(40_000)
})

test('whatever the names and numbers: no markup from outside, no NaN, nothing fetched', () => {
  const small = fc.nat(2000)
  const input = fc.record({
    name: fc.string({ unit: 'binary', maxLength: 300 }),
    total: fc.record({ sent: small, readers: small, laterVisits: small }),
    visits: fc.array(small, { maxLength: 40 }),
    lang: fc.constantFrom('fr' as const, 'en' as const),
  })
  const tags =
    /^(?:<\/?(?:svg|title|desc|defs|linearGradient|stop|rect|text|tspan|path|circle|line)(?: [\w-]+="[^"<]*")*\/?>|[^<>]+)*$/
  fc.assert(
    fc.property(input, ({ name, total, visits, lang }) => {
      const svg = funnelSvg(buildReport(article({ visits, total, campaign: { name: `${name}<b>"&'\0` } })), lang)
      expect(svg).toMatch(tags)
      expect(svg).not.toMatch(/NaN|Infinity|undefined|null|href|\0/)
    }),
    { examples: [[{ name: '', total: { sent: 0, readers: 0, laterVisits: 0 }, visits: [], lang: 'fr' }]] },
  )
})
