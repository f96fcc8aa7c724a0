import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { logDeltaT, moments, studentQuantile, wilson, yieldInterval } from '../../shared/measure/interval.ts'
import { zipf50 } from './article.ts'

describe('wilson', () => {
  test.each([
    [160, 554, 0.252625946, 0.327900033],
    [50, 160, 0.245786424, 0.388005899],
    [50, 554, 0.069129087, 0.117019606],
    [9, 50, 0.097701927, 0.307960537],
    [0, 20, 0, 0.161125158],
    [1, 3, 0.061491945, 0.792340399],
  ])('%i of %i', (part, whole, low, high) => {
    const interval = wilson(part, whole)
    expect(interval?.low).toBeCloseTo(low, 9)
    expect(interval?.high).toBeCloseTo(high, 9)
  })

  test('none out of nothing, nor for a part above the whole', () => {
    expect(wilson(0, 0)).toBeUndefined()
    expect(wilson(4, 3)).toBeUndefined()
  })

  const share = fc.integer({ min: 1, max: 1e6 }).chain((n) => fc.tuple(fc.integer({ min: 0, max: n }), fc.constant(n)))

  test('contains the share, within 0 and 1', () => {
    fc.assert(
      fc.property(share, ([k, n]) => {
        const { low, high } = wilson(k, n)!
        expect(low).toBeGreaterThanOrEqual(0)
        expect(low).toBeLessThanOrEqual(k / n)
        expect(high).toBeGreaterThanOrEqual(k / n)
        expect(high).toBeLessThanOrEqual(1)
      }),
    )
  })

  test('shrinks with ten times as many', () => {
    fc.assert(
      fc.property(share, ([k, n]) => {
        const [few, many] = [wilson(k, n)!, wilson(10 * k, 10 * n)!]
        expect(many.high - many.low).toBeLessThan(few.high - few.low)
      }),
    )
  })
})

describe('studentQuantile', () => {
  test.each([
    [1, 12.706204736],
    [2, 4.30265273],
    [3, 3.182446305],
    [19, 2.093024054],
    [30, 2.042272456],
    [49, 2.009575237],
    [1000, 1.962339081],
  ])('%i degrees of freedom', (freedom, quantile) => {
    expect(studentQuantile(freedom)).toBeCloseTo(quantile, 8)
  })

  test('falls towards the normal as freedom grows', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), (freedom) => {
        expect(studentQuantile(freedom + 1)).toBeLessThan(studentQuantile(freedom))
        expect(studentQuantile(freedom)).toBeGreaterThan(1.959963984)
      }),
    )
  })
})

describe('visits per relay', () => {
  test('the reference split', () => {
    expect(moments(zipf50).variance).toBeCloseTo(806.471837, 6)
    const interval = logDeltaT(zipf50)
    expect(interval?.low).toBeCloseTo(9.879975, 6)
    expect(interval?.high).toBeCloseTo(26.694156, 6)
  })

  test('none under 20 relays, none without a visit', () => {
    expect(logDeltaT(zipf50.slice(0, 19))).toBeUndefined()
    expect(logDeltaT(zipf50.slice(0, 20))).toBeDefined()
    expect(logDeltaT(Array(40).fill(0))).toBeUndefined()
  })

  test('contains the mean, and shrinks when the same split comes four times', () => {
    const visits = fc.array(fc.nat(1000), { minLength: 20, maxLength: 60 }).filter((list) => new Set(list).size > 1)
    fc.assert(
      fc.property(visits, (list) => {
        const [once, fourTimes] = [logDeltaT(list)!, logDeltaT([...list, ...list, ...list, ...list])!]
        expect(once.low).toBeLessThan(moments(list).mean)
        expect(once.high).toBeGreaterThan(moments(list).mean)
        expect(fourTimes.high / fourTimes.low).toBeLessThan(once.high / once.low)
      }),
    )
  })
})

describe('yield', () => {
  test('the reference campaign', () => {
    const interval = yieldInterval(812 / 554, { sent: 554, readers: 160, visits: zipf50 })
    expect(812 / 554).toBeCloseTo(1.465703971, 9)
    expect(interval?.low).toBeCloseTo(0.843853, 6)
    expect(interval?.high).toBeCloseTo(2.545807, 6)
    expect(interval?.viralityShare).toBeCloseTo(0.7707, 4)
  })

  test('none under 20 relays', () => {
    expect(yieldInterval(1, { sent: 100, readers: 50, visits: Array(19).fill(4) })).toBeUndefined()
  })
})
