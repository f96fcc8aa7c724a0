import { expect, test } from 'vitest'
import { refusalPage } from '../../shared/track/pages.ts'

test.each([
  ['not_found', 404],
  ['gone', 410],
  ['unavailable', 503],
  ['method_not_allowed', 405],
] as const)('%s: %i, small, in French or English, with nothing to fetch', (refusal, status) => {
  const [fr, en] = [refusalPage(refusal, 'fr-FR,fr;q=0.9,en;q=0.8'), refusalPage(refusal, undefined)]
  expect([fr.statusCode, en.statusCode]).toEqual([status, status])
  expect(fr.body).toContain('<html lang="fr">')
  expect(en.body).toContain('<html lang="en">')
  expect(fr.body).not.toBe(en.body)
  for (const { body } of [fr, en]) {
    expect(Buffer.byteLength(body)).toBeLessThan(700)
    expect(body).not.toMatch(/src=|href=|url\(/)
  }
})

test.each([
  ['de,fr;q=0.5', 'fr'],
  ['en-GB,fr', 'en'],
  ['de', 'en'],
  ['', 'en'],
])('Accept-Language %j is answered in %s', (accepted, language) => {
  expect(refusalPage('gone', accepted).body).toContain(`lang="${language}"`)
})

test('an unavailable link says when to try again, a refused method what is allowed', () => {
  expect(refusalPage('unavailable', 'fr').headers['retry-after']).toBe('5')
  expect(refusalPage('method_not_allowed', 'fr').headers.allow).toBe('GET, HEAD')
})
