import { describe, expect, test } from 'vitest'
import { newSlug } from '../../shared/id.ts'
import { functions } from '../../shared/topology.ts'
import { earlierHost, isSlug, readPath } from '../../shared/track/slug.ts'

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

describe('what a path names', () => {
  const token = 'A1b2C3d4E5f6G7h8I9j0_-'
  test('a slug, alone or with its reader’s stop token', () => {
    expect(readPath('/QgqrRszfKd')).toEqual({ slug: 'QgqrRszfKd' })
    expect(readPath(`/QgqrRszfKd.${token}`)).toEqual({ slug: 'QgqrRszfKd', token })
    expect(readPath(`/QgqrRszfKd.${token}.`)).toEqual({ slug: 'QgqrRszfKd', token })
    expect(readPath('/QgqrRszfKd.')).toEqual({ slug: 'QgqrRszfKd' })
  })
  test.each(['/favicon.ico', '/robots.txt', '/v1', `/a.${token}x`, `/a.${token}.b`, '/a/b', '/', `/p.${token}`])(
    'or, as %s, no link',
    (path) => expect(readPath(path)).toBeUndefined(),
  )
})

describe('the host a visitor came to', () => {
  test('is looked under when it is not today’s', () => {
    expect(earlierHost('new.example', 'OLD.example:8080')).toBe('old.example:8080')
    expect(earlierHost('new.example', 'NEW.example')).toBeUndefined()
    expect(earlierHost('new.example', undefined)).toBeUndefined()
  })
  test.each(['evil host', 'a#b', 'h:99:99', 'x'.repeat(300), '[::1]:80'])('%s is no host of ours', (asked) => {
    expect(earlierHost('new.example', asked)).toBeUndefined()
  })
})
