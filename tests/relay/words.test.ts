import { expect, test } from 'vitest'
import { pickLanguage } from '../../shared/relay/words.ts'

test.each([
  [undefined, 'en'],
  ['', 'en'],
  ['fr', 'fr'],
  ['fr-CA,fr;q=0.9,en;q=0.8', 'fr'],
  ['en-US,en;q=0.9,fr;q=0.8', 'en'],
  ['de, fr;q=0.3', 'fr'],
  ['en;q=0.2, FR ; q=0.7', 'fr'],
  ['fr, en', 'fr'],
  ['en, fr', 'en'],
  ['fr;q=0', 'en'],
  ['de,*', 'en'],
  ['fro, xx;q=zz', 'en'],
])('%s → %s', (header, lang) => {
  expect(pickLanguage(header)).toBe(lang)
})
