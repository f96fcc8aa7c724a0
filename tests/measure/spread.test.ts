import fc from 'fast-check'
import { expect, test } from 'vitest'
import { spreadOf } from '../../shared/measure/spread.ts'
import { zipf50 } from './article.ts'

test('the reference split', () => {
  expect(spreadOf(zipf50, 50)).toMatchObject({ median: 7, zeroShare: 0, topShare: 180 / 812, withoutTop: 632 / 49 })
})

test('relays without a total bring zero; late ones are not counted', () => {
  expect(spreadOf([3, 5], 4)?.visitsPerRelay).toEqual([5, 3, 0, 0])
  expect(spreadOf([0, 3, 0, 5], 3)?.visitsPerRelay).toEqual([5, 3, 0])
  expect(spreadOf([5, 3], 4)).toMatchObject({ median: 1.5, zeroShare: 0.5, withoutTop: 1 })
})

test('nothing to say of no relay, no share of no visit, nothing without the only one', () => {
  expect(spreadOf([], 0)).toBeUndefined()
  expect(spreadOf([0, 0], 2)).toMatchObject({ topShare: null, gini: null, zeroShare: 1 })
  expect(spreadOf([4], 1)).toMatchObject({ topShare: 1, withoutTop: null, gini: 0 })
})

test('Gini is half the relative mean difference of all pairs', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(500), { minLength: 1, maxLength: 40 }), (visits) => {
      const total = visits.reduce((sum, value) => sum + value, 0)
      fc.pre(total > 0)
      const differences = visits.flatMap((a) => visits.map((b) => Math.abs(a - b))).reduce((sum, d) => sum + d, 0)
      expect(spreadOf(visits, visits.length)?.gini).toBeCloseTo(differences / (2 * visits.length * total), 9)
    }),
  )
})
