import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Link } from '../../shared/facts.ts'
import { isOpen, locationOf, withVia } from '../../shared/track/location.ts'

const link: Link = {
  type: 'link',
  ws: 'ws_1',
  host: 'h.example',
  slug: 'aZ09bY18cX',
  kind: 'relay',
  destination: 'https://example.org/a?b=1#c',
  createdAt: 0,
}

test('a link leads to its destination, an ask link to its relay page on the same host', () => {
  expect(locationOf(link, { operator: false })).toBe('https://example.org/a?b=1#c')
  expect(locationOf({ ...link, kind: 'ask' }, { operator: false })).toBe('/p/aZ09bY18cX')
  expect(locationOf({ ...link, kind: 'ask' }, { operator: true })).toBe('/p/aZ09bY18cX?pa_me=1')
  expect(locationOf({ ...link, via: true }, { operator: false })).toBe('https://example.org/a?b=1&via=aZ09bY18cX#c')
})

test('via joins the query and leaves the rest as it was', () => {
  const urls = fc.webUrl({ withQueryParameters: true, withFragments: true })
  fc.assert(
    fc.property(urls, (text) => {
      const [before, after] = [new URL(text), new URL(withVia(text, 'aZ09bY18cX'))]
      expect(after.searchParams.getAll('via').at(-1)).toBe('aZ09bY18cX')
      expect([after.origin, after.pathname, after.hash]).toEqual([before.origin, before.pathname, before.hash])
      expect(after.search.startsWith(before.search)).toBe(true)
    }),
  )
})

test.each([
  [{}, true],
  [{ disabledAt: 1 }, false],
  [{ erasedAt: 1 }, false],
  [{ expiresAt: 100 }, false],
  [{ expiresAt: 101 }, true],
])('at 100 a link with %j is open: %s', (more, expected) => expect(isOpen({ ...link, ...more }, 100)).toBe(expected))
