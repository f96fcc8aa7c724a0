/** The last part of a link: what it may look like, and the words the product's own pages need. */
const pattern = /^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$/

/** Paths of ours, now or soon. `favicon.ico` and `robots.txt` cannot be slugs: a slug has no dot. */
const reserved = new Set([
  'v1',
  'p',
  'via',
  'stop',
  'api',
  'app',
  'assets',
  'docs',
  'health',
  'login',
  'oauth',
  'opt-in',
  'report-abuse',
])

/** May this be a slug? Told without a read, so that a scan of odd paths costs nothing. */
export function isSlug(text: string): boolean {
  return pattern.test(text) && !reserved.has(text.toLowerCase())
}
