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

/** What a link's path names. A message's link carries its reader's stop token behind the slug: `/{slug}.{token}`. */
export function readPath(path: string): { slug: string; token?: string } | undefined {
  // Some clients take the full stop or bracket behind a link for a part of it.
  const [, slug = '', token] = /^\/([^.]*?)(?:\.([\w-]{22}))?[.,;:!?)]*$/.exec(path) ?? []
  if (!isSlug(slug)) return undefined
  return token === undefined ? { slug } : { slug, token }
}

/** The host a visitor came to, where that is another than today's public one and can be a host at all. */
export function earlierHost(publicHost: string, asked: string | undefined): string | undefined {
  const host = asked?.toLowerCase()
  return host && host !== publicHost && /^[a-z0-9.-]{1,253}(:\d{1,5})?$/.test(host) ? host : undefined
}
