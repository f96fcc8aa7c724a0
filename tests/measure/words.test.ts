import { expect, test } from 'vitest'
import {
  average,
  averageOf,
  averageRange,
  count,
  day,
  percent,
  percentRange,
  typesetFrench,
} from '../../shared/measure/words.ts'

const thin = '\u202f'

test('French has a decimal comma and narrow no-break spaces; English has neither', () => {
  expect(count('fr', 1184532)).toBe(`1${thin}184${thin}532`)
  expect(count('en', 1184532)).toBe('1,184,532')
  expect(percent('fr', 0.0616)).toBe(`6,2${thin}%`)
  expect(percent('en', 0.0616)).toBe('6.2%')
  expect(typesetFrench('« Prêt ; vite : 5 % ! »')).toBe(`«${thin}Prêt${thin}; vite${thin}: 5${thin}%${thin}!${thin}»`)
})

test('French counts below two as one, English only one itself', () => {
  expect(averageOf('fr', 1.5, ['visite', 'visites'])).toBe('1,5 visite')
  expect(averageOf('fr', 1.96, ['visite', 'visites'])).toBe('2 visites')
  expect(averageOf('en', 0.5, ['visit', 'visits'])).toBe('0.5 visits')
  expect(averageOf('en', 1, ['visit', 'visits'])).toBe('1 visit')
})

test('as many digits as the number and its interval deserve', () => {
  expect(average('en', 16.24)).toBe('16')
  expect(average('en', 0.0289)).toBe('0.029')
  expect(average('en', 0)).toBe('0')
  expect(averageRange('fr', 16.24, { low: 9.88, high: 26.7 })).toBe('10 à 27')
  expect(averageRange('en', 16.24, { low: 16.15, high: 16.33 })).toBe('16.2–16.3')
  expect(percentRange('en', { low: 0.2458, high: 0.388 })).toBe('25–39%')
  expect(percentRange('fr', { low: 0.0532, high: 0.0968 })).toBe(`5,3 à 9,7${thin}%`)
  expect(percent('en', 0.3478, { low: 0.3469, high: 0.3487 })).toBe('34.8%')
})

test('days are in UTC', () => {
  expect(day('fr', '2026-11-24T23:59:59Z')).toBe('24 novembre 2026')
  expect(day('en', '2026-11-24T00:00:00Z')).toBe('24 November 2026')
})
