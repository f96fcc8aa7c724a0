/** OAuth 2.0 as X does it: PKCE, access tokens that last two hours, refresh tokens that rotate and work once. */
import { createHash, randomBytes } from 'node:crypto'
import { type Answer, problem } from './answer.ts'
import type { Mishap } from './misbehaviour.ts'
import type { Route, Sandbox } from './sandbox.ts'

const accessSeconds = 7200
const scope = 'dm.read dm.write users.read tweet.read follows.read offline.access'

function issue(x: Sandbox, user: string, used?: string): Answer {
  const access = `access-${randomBytes(18).toString('base64url')}`
  const refresh = `refresh-${randomBytes(18).toString('base64url')}`
  const expiresAt = x.clock.campaign() + accessSeconds * 1000
  x.record({ type: 'token', user, access, refresh, expiresAt, ...(used === undefined ? {} : { used }) })
  const body = { token_type: 'bearer', expires_in: accessSeconds, access_token: access, scope, refresh_token: refresh }
  return { status: 200, body }
}

const invalidToken: Answer = {
  status: 400,
  body: { error: 'invalid_request', error_description: 'Value passed for the token was invalid.' },
}

/** `POST /2/oauth2/token` */
export const token: Route = (x, { body }) => {
  if (body.grant_type === 'refresh_token') return refresh(x, String(body.refresh_token))
  if (body.grant_type === 'authorization_code') return exchange(x, String(body.code), String(body.code_verifier))
  return { status: 400, body: { error: 'unsupported_grant_type', error_description: 'Unknown grant_type.' } }
}

function refresh(x: Sandbox, used: string): Answer {
  const held = x.state.refresh.get(used)
  if (!held) return invalidToken
  const mishap = nextRefreshMishap(x)
  if (mishap === 'rate_limited') return problem(429)
  if (mishap === 'server_error') return problem(503)
  const answer = issue(x, held.user, used)
  if (mishap === 'timeout_after_accept') return { ...answer, lost: 'hang' }
  if (mishap === 'reset_after_accept') return { ...answer, lost: 'reset' }
  if (mishap === 'truncated_after_accept') return { ...answer, lost: 'truncate' }
  return answer
}

function nextRefreshMishap(x: Sandbox): Mishap | undefined {
  const [mishap, ...rest] = x.state.script.refresh ?? []
  if (mishap) x.record({ type: 'script', script: { ...x.state.script, refresh: rest } })
  return mishap
}

function exchange(x: Sandbox, code: string, verifier: string): Answer {
  const asked = x.codes.get(code)
  x.codes.delete(code)
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  return asked && asked.challenge === challenge ? issue(x, asked.user) : invalidToken
}

/** `GET /i/oauth2/authorize`: the page on which a person says yes; here they always do. */
export const authorize: Route = (x, { query }) => {
  const [first] = x.users.keys()
  const user = query.get('sandbox_user') ?? first!
  const back = URL.parse(query.get('redirect_uri') ?? '')
  const challenge = query.get('code_challenge')
  if (!back || !challenge || query.get('code_challenge_method')?.toLowerCase() !== 's256') return problem(400)
  const code = randomBytes(18).toString('base64url')
  x.codes.set(code, { user, challenge })
  back.searchParams.set('state', query.get('state') ?? '')
  back.searchParams.set('code', code)
  return { status: 302, body: {}, headers: { location: back.href } }
}

/** `POST /sandbox/connect {user}`: tokens without the walk through a browser. */
export const connect: Route = (x, { body }) => {
  const user = String(body.user ?? [...x.users.keys()][0])
  return x.users.has(user) ? issue(x, user) : problem(404, `No account ${user} in this sandbox.`)
}
