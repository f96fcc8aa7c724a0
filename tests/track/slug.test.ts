import { expect, test } from 'vitest'
import { newSlug } from '../../shared/id.ts'
import { functions } from '../../shared/topology.ts'
import { isSlug } from '../../shared/track/slug.ts'

test.each(['aZ09bY18cX', 'promo', 'a', 'rentree-2026', 'x_1', 'z'.repeat(64)])('%s may be a slug', (text) => {
  expect(isSlug(text)).toBe(true)
})

test.each(['', '-a', '_a', 'a.b', 'favicon.ico', 'robots.txt', 'a/b', 'a b', 'é', 'a+', '%41', 'z'.repeat(65), '..'])(
  '%j may not',
  (text) => expect(isSlug(text)).toBe(false),
)

test('no slug hides a page of ours', () => {
  const routes: readonly string[] = [...functions.page.trigger.routes, ...functions.api.trigger.routes]
  const words = routes.map((route) => route.split('/')[1]!).filter(Boolean)
  expect(words.length).toBeGreaterThan(2)
  for (const word of words) expect([isSlug(word), isSlug(word.toUpperCase())]).toEqual([false, false])
})

test('every random slug may be one', () => {
  for (let i = 0; i < 1000; i++) expect(isSlug(newSlug())).toBe(true)
})
