/** The hit a visit leaves on a link. Only what is there is written: a block of one must stay within 1 kB. */
import type { Hit, Link } from '../facts.ts'
import { classify } from './classify.ts'
import type { Visit } from './visit.ts'
import { visitorHash } from './visitor.ts'

const maxAgentChars = 256
const maxReferrerChars = 100

export function hitOf(link: Link, visit: Visit, t: number, salt: string): Hit {
  const { headers, userAgent } = visit
  const hit: Hit = { t, s: link.slug, k: link.kind, v: visitorHash(salt, link.host, visit.ip, userAgent) }
  const reason = classify({ ...visit, t, sentAt: link.sentAt })
  if (reason) hit.b = reason
  if (link.owner === hit.v) hit.o = 1
  if (link.sentAt !== undefined) hit.w = link.sentAt
  if (link.generation !== undefined) hit.g = link.generation
  if (link.segments) hit.sg = link.segments
  if (userAgent !== '') hit.ua = userAgent.slice(0, maxAgentChars)
  const referrer = referrerHost(headers.referer)
  if (referrer) hit.r = referrer
  const country = countryOf(headers)
  if (country) hit.co = country
  const language = firstLanguage(headers['accept-language'])
  if (language) hit.la = language
  return hit
}

/** The host alone: the rest of a referrer can name a person. */
function referrerHost(referrer: string | undefined): string | undefined {
  return referrer ? URL.parse(referrer)?.host.slice(0, maxReferrerChars) : undefined
}

function countryOf(headers: Visit['headers']): string | undefined {
  const country = headers['cloudfront-viewer-country'] ?? headers['cf-ipcountry']
  return country && /^[A-Z]{2}$/.test(country) ? country : undefined
}

/** `fr` of `fr-CA,fr;q=0.9,en;q=0.8`. */
function firstLanguage(acceptLanguage: string | undefined): string | undefined {
  return acceptLanguage && /^\s*([a-z]{2,3})(?![a-z])/i.exec(acceptLanguage)?.[1]?.toLowerCase()
}
