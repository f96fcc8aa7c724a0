/** What every route of sandbox X works with, and how a request reaches it. */
import type { Clock } from '../../shared/ports/clock.ts'
import type { Answer } from './answer.ts'
import { limitHeaders, problem } from './answer.ts'
import type { LimitName } from './limits.ts'
import type { LinkOpener } from './open-links.ts'
import type { Entry, SandboxPost, SandboxUser, State } from './state.ts'

export interface Sandbox {
  clock: Clock
  state: State
  /** Changes the state by an entry which is in the journal first. */
  record(entry: Entry): void
  users: Map<string, SandboxUser>
  posts: Map<string, SandboxPost>
  /** Authorization codes not yet exchanged. */
  codes: Map<string, { user: string; challenge: string }>
  opener: LinkOpener | undefined
}

export interface Asked {
  /** What the route's pattern captured. */
  params: string[]
  query: URLSearchParams
  body: Record<string, unknown>
  bearer: string | undefined
}

export type Route = (x: Sandbox, asked: Asked) => Answer

/** The account a request acts for, when its access token is known and still good. */
export function accountOf(x: Sandbox, asked: Asked): string | undefined {
  const token = x.state.access.get(asked.bearer ?? '')
  return token && token.expiresAt > x.clock.campaign() ? token.user : undefined
}

/** A read that needs an account and counts against a limit. */
export function limited(endpoint: LimitName, read: (x: Sandbox, asked: Asked, user: string) => unknown): Route {
  return (x, asked) => {
    const user = accountOf(x, asked)
    if (user === undefined) return problem(401)
    const at = x.clock.campaign()
    const meter = x.state.meter(endpoint, user)
    const before = meter.read(at)
    if (before.remaining <= 0) return problem(429, undefined, limitHeaders('x-rate-limit', before))
    x.record({ type: 'read', endpoint, user, at })
    return { status: 200, body: read(x, asked, user), headers: limitHeaders('x-rate-limit', meter.read(at)) }
  }
}

/** One page of a list, with X's `meta`: `pagination_token` goes on where the page before ended. */
export function paged<T, R>(items: readonly T[], { query }: Asked, most: number, show: (item: T) => R) {
  const size = Math.min(most, Math.max(1, Number(query.get('max_results') ?? 100) || 100))
  const start = Number.parseInt(query.get('pagination_token') ?? '0', 36) || 0
  const page = items.slice(start, start + size)
  const meta: Record<string, string | number> = { result_count: page.length }
  if (start + size < items.length) meta.next_token = (start + size).toString(36)
  if (start > 0) meta.previous_token = Math.max(0, start - size).toString(36)
  return page.length > 0 ? { data: page.map(show), meta } : { meta }
}

/** The fields of a resource that were asked for, beside those that always come. */
export function pick(from: Record<string, unknown>, always: readonly string[], asked: string | null) {
  const wanted = new Set([...always, ...(asked ?? '').split(',')])
  return Object.fromEntries(Object.entries(from).filter(([name]) => wanted.has(name)))
}
