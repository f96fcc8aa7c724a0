/**
 * Where a link may lead: an http(s) address outside our own domain, kept as `new URL().href` and never as typed, since
 * `java⏎script:` parses to `javascript:` and `2130706433` to 127.0.0.1.
 *
 *     checkDestination('https://example.org/article', ['pass.example'])
 *     // { ok: true, href: 'https://example.org/article' }
 */
export type DestinationCheck = { ok: true; href: string } | { ok: false; detail: string }

const longest = 2048

/** `ownHosts`: `pass.example` stands for that host on every port, `localhost:3000` for that port only. */
export function checkDestination(text: string, ownHosts: readonly string[]): DestinationCheck {
  const no = (detail: string): DestinationCheck => ({ ok: false, detail })
  if (text.length > longest) return no(`It has ${text.length} characters; at most ${longest} are allowed.`)
  if (/\p{Cc}/u.test(text)) return no('It contains a line break, a tab or another control character.')
  const url = URL.parse(text)
  if (url === null) return no('It is not a complete address; write it out, as in https://example.org/article.')
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    return no(`It begins with ${url.protocol} but must begin with https: or http:.`)
  }
  if (url.username !== '' || url.password !== '') return no('It contains a user name or a password (before the @).')
  if (ownHosts.some((own) => isOwn(url, own))) return no('It leads back here; a link must lead to another site.')
  if (url.href.length > longest)
    return no(`Written out it has ${url.href.length} characters; at most ${longest} are allowed.`)
  return { ok: true, href: url.href }
}

function isOwn(url: URL, own: string): boolean {
  const ours = URL.parse(`${url.protocol}//${own}`)
  if (ours === null || bare(ours) !== bare(url)) return false
  return !/:\d+$/.test(own) || ours.port === url.port
}

/** A host may be written with a final dot. */
const bare = (url: URL): string => url.hostname.replace(/\.$/, '')
