/** Where a link leads, and whether it still does. */
import type { Link } from '../facts.ts'
import { operatorMark, type Visit } from './visit.ts'

const headers = {
  'cache-control': 'private, no-store',
  // The destination may know which site a visitor came from, never which page or personal link.
  'referrer-policy': 'strict-origin',
  'x-robots-tag': 'noindex',
} as const

export function redirectTo(link: Link, visit: Pick<Visit, 'operator'>, token?: string) {
  return { statusCode: 302, headers: { ...headers, location: locationOf(link, visit, token) } }
}

/**
 * An ask link leads to its relay page, relative so that the visitor stays on the host they came to, with the stop token
 * of its address, and with the operator's mark so that a press there is theirs too. Every other kind leads to its
 * destination.
 */
export function locationOf(link: Link, visit: Pick<Visit, 'operator'>, token?: string): string {
  const name = token === undefined ? link.slug : `${link.slug}.${token}`
  if (link.kind === 'ask') return `/p/${name}${visit.operator ? `?${operatorMark}` : ''}`
  return link.via ? withVia(link.destination, link.slug) : link.destination
}

/** Adds `via=<slug>` to the query, before any fragment, and leaves the rest of the URL as it was written. */
export function withVia(destination: string, slug: string): string {
  const hash = destination.indexOf('#')
  const page = hash < 0 ? destination : destination.slice(0, hash)
  return `${page}${page.includes('?') ? '&' : '?'}via=${slug}${hash < 0 ? '' : destination.slice(hash)}`
}

/** Neither switched off, expired nor erased. */
export function isOpen(link: Link, t: number): boolean {
  const { disabledAt, erasedAt, expiresAt } = link
  return disabledAt === undefined && erasedAt === undefined && (expiresAt === undefined || t < expiresAt)
}
