import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkDestination } from '../../shared/track/destination.ts'

const own = ['pass.example', 'localhost:3000', '127.0.0.1:3000', 'bücher.example']

describe('checkDestination', () => {
  it.each([
    ['https://example.org/a?b=c#d', 'https://example.org/a?b=c#d'],
    ['http://example.org', 'http://example.org/'],
    ['HTTPS://EXAMPLE.ORG/É', 'https://example.org/%C3%89'],
    ['  https://example.org/ ', 'https://example.org/'],
    ['https:\\\\example.org\\a', 'https://example.org/a'],
    ['https://pass.example.org/', 'https://pass.example.org/'],
    ['https://sub.pass.example/', 'https://sub.pass.example/'],
    ['http://localhost:4000/page', 'http://localhost:4000/page'],
    ['http://2130706433:4000/', 'http://127.0.0.1:4000/'],
    ['https://éxample.org/', 'https://xn--xample-9ua.org/'],
  ])('%j is kept as %s', (text, href) => {
    expect(checkDestination(text, own)).toEqual({ ok: true, href })
  })

  it.each([
    ['', /not a complete address/],
    ['example.org/a', /not a complete address/],
    ['/p/abc', /not a complete address/],
    ['//example.org', /not a complete address/],
    ['https://', /not a complete address/],
    ['https://exa mple.org', /not a complete address/],
    ['http://999.1.1.1', /not a complete address/],
    ['javascript:alert(1)', /begins with javascript: but must begin with https: or http:/],
    ['java\nscript:alert(1)', /control character/],
    ['\u0001javascript:alert(1)', /control character/],
    ['https://example.org/\r\nset-cookie: a=b', /control character/],
    ['https://example.org/\u0085', /control character/],
    [' JavaScript:alert(1)', /begins with javascript:/],
    ['data:text/html,x', /begins with data:/],
    ['file:///etc/passwd', /begins with file:/],
    ['blob:https://example.org/1', /begins with blob:/],
    ['ftp://example.org', /begins with ftp:/],
    ['https://user@example.org', /user name or a password/],
    ['https://:pw@example.org', /user name or a password/],
    ['https://pass.example@evil.example', /user name or a password/],
    ['https://pass.example/abc', /leads back here/],
    ['http://PASS.example:8080/abc', /leads back here/],
    ['https://pass.example./abc', /leads back here/],
    ['https://ｐass.example/abc', /leads back here/],
    ['https://xn--bcher-kva.example', /leads back here/],
    ['http://localhost:3000/', /leads back here/],
    ['http://localhost.:3000/', /leads back here/],
    ['http://2130706433:3000/', /leads back here/],
    ['http://0x7f.1:3000/', /leads back here/],
    [`https://example.org/${'a'.repeat(2048)}`, /has 2068 characters; at most 2048/],
    [`https://example.org/${'é'.repeat(1000)}`, /Written out it has 6020 characters/],
  ])('%.60j is refused', (text, why) => {
    const check = checkDestination(text, own)
    if (check.ok) throw new Error(`accepted as ${check.href}`)
    expect(check.detail).toMatch(why)
  })

  it('takes an own host that names the default port of its scheme', () => {
    expect(checkDestination('https://a.example/', ['a.example:443']).ok).toBe(false)
    expect(checkDestination('http://a.example/', ['a.example:443']).ok).toBe(true)
  })

  const scheme = fc.constantFrom('http:', 'https:', 'HTTP:', 'javascript:', 'java\nscript:', 'data:', 'ws:', '')
  const host = fc.constantFrom(
    'example.org',
    'pass.example',
    'PASS.example.',
    'a@pass.example',
    '2130706433',
    '[::1]',
    '',
  )
  const hostile = fc.oneof(
    fc.webUrl(),
    fc.string({ unit: 'binary' }),
    fc
      .tuple(
        fc.constantFrom('', ' ', '\t', '\u0000'),
        scheme,
        fc.constantFrom('//', '/', '\\\\', ''),
        host,
        fc.string({ unit: 'binary' }),
      )
      .map((parts) => parts.join('')),
  )

  it('never throws; what it accepts is a plain http(s) address elsewhere, safe in a header, and stays as it is', () => {
    let accepted = 0
    fc.assert(
      fc.property(hostile, (text) => {
        const check = checkDestination(text, own)
        if (!check.ok) return
        accepted++
        expect(check.href).toMatch(/^https?:\/\/[\x21-\x7e]+$/)
        const url = new URL(check.href)
        expect(url.username + url.password).toBe('')
        expect(url.hostname.replace(/\.$/, '')).not.toBe('pass.example')
        expect(checkDestination(check.href, own)).toEqual(check)
      }),
      { numRuns: 2000 },
    )
    expect(accepted).toBeGreaterThan(100)
  })
})
