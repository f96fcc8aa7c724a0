import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { classify } from '../../shared/track/classify.ts'

const safari =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1'
const t = Date.UTC(2026, 10, 24)
const visit = { method: 'GET', headers: {}, userAgent: safari, t }

describe('people', () => {
  test.each([
    ['Safari', safari],
    [
      "X's browser on iPhone",
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/22B83 Twitter for iPhone/10.60',
    ],
    [
      "X's browser on Android",
      'Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP2A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/131.0.0.0 Mobile Safari/537.36 TwitterAndroid',
    ],
    [
      "LinkedIn's browser",
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [LinkedInApp]/9.29',
    ],
    ['Firefox', 'Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0'],
  ])('%s', (_, userAgent) => expect(classify({ ...visit, userAgent })).toBeUndefined())

  test('a press', () => expect(classify({ ...visit, method: 'POST' })).toBeUndefined())
})

describe('machines', () => {
  test.each([
    ['Twitterbot/1.0'],
    ['LinkedInBot/1.0 (compatible; Mozilla/5.0; +http://www.linkedin.com)'],
    ['Bluesky Cardyb/1.1; +mailto:support@bsky.app'],
    ['WhatsApp/2.23.20.0'],
    ['curl/8.5.0'],
    ['Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'],
  ])('crawler %s', (userAgent) => expect(classify({ ...visit, userAgent })).toBe('crawler'))

  test.each(['HEAD', 'OPTIONS', 'PUT', 'DELETE'])('%s, whatever it claims to be', (method) =>
    expect(classify({ ...visit, method })).toBe('method'),
  )

  test.each([
    ['purpose', 'prefetch'],
    ['sec-purpose', 'prefetch;prerender'],
    ['x-purpose', 'preview'],
    ['x-moz', 'Prefetch'],
  ])('prefetch: %s: %s', (name, value) => expect(classify({ ...visit, headers: { [name]: value } })).toBe('prefetch'))

  test.each(['', '  '])('no user agent: %j', (userAgent) => expect(classify({ ...visit, userAgent })).toBe('no_agent'))

  test("an operator's own visit", () => expect(classify({ ...visit, operator: true })).toBe('operator'))
})

test.each([
  [-1, undefined],
  [0, 'too_soon'],
  [1999, 'too_soon'],
  [2000, undefined],
])('%i ms after its message: %s', (after, expected) => {
  expect(classify({ ...visit, t: t + after, sentAt: t })).toBe(expected)
})

test('a class depends on the request and its link alone, whatever was asked before', () => {
  const agent = fc.oneof(fc.constantFrom(safari, 'Twitterbot/1.0', ''), fc.string())
  fc.assert(
    fc.property(fc.array(agent, { maxLength: 20 }), agent, (before, userAgent) => {
      const first = classify({ ...visit, userAgent })
      for (const other of before) classify({ ...visit, userAgent: other })
      expect(classify({ ...visit, userAgent })).toBe(first)
    }),
  )
})
