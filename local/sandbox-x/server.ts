/** The HTTP side of sandbox X: from a request to a route, and an answer (or the loss of one) back. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type Answer, problem } from './answer.ts'
import { calls, messages, script } from './control.ts'
import { allEvents, conversation, send } from './messages.ts'
import { authorize, connect, token } from './oauth.ts'
import { byIds, byUsername, followers, me, quoteTweets, retweetedBy } from './people.ts'
import type { Route, Sandbox } from './sandbox.ts'

const mostBytes = 64 * 1024

const routes: readonly (readonly [method: string, path: RegExp, route: Route])[] = [
  ['POST', /^\/2\/dm_conversations\/with\/([^/]+)\/messages$/, send],
  ['GET', /^\/2\/dm_conversations\/with\/([^/]+)\/dm_events$/, conversation],
  ['GET', /^\/2\/dm_events$/, allEvents],
  ['POST', /^\/2\/oauth2\/token$/, token],
  ['GET', /^\/i\/oauth2\/authorize$/, authorize],
  ['GET', /^\/2\/users\/me$/, me],
  ['GET', /^\/2\/users\/by\/username\/([^/]+)$/, byUsername],
  ['GET', /^\/2\/users\/([^/]+)\/followers$/, followers],
  ['GET', /^\/2\/users$/, byIds],
  ['GET', /^\/2\/tweets\/([^/]+)\/retweeted_by$/, retweetedBy],
  ['GET', /^\/2\/tweets\/([^/]+)\/quote_tweets$/, quoteTweets],
  ['GET', /^\/sandbox\/messages$/, messages],
  ['GET', /^\/sandbox\/calls$/, calls],
  ['POST', /^\/sandbox\/script$/, script],
  ['POST', /^\/sandbox\/connect$/, connect],
]

export function serveSandbox(x: Sandbox): Server {
  return createServer((req, res) => {
    answer(x, req).then(
      (answered) => reply(res, answered),
      (error: unknown) => {
        console.error('sandbox X:', error)
        res.destroy()
      },
    )
  })
}

async function answer(x: Sandbox, req: IncomingMessage): Promise<Answer> {
  const url = new URL(req.url ?? '/', 'http://sandbox')
  const body = await bodyOf(req)
  for (const [method, path, route] of routes) {
    const match = method === req.method ? path.exec(url.pathname) : null
    if (!match) continue
    if (body === undefined) return problem(400)
    const params = match.slice(1).map(decodeURIComponent)
    return route(x, { params, query: url.searchParams, body, bearer: bearerOf(req) })
  }
  return problem(404)
}

/** JSON as the client sends it; X's token endpoint takes forms too. undefined when it is neither. */
async function bodyOf(req: IncomingMessage): Promise<Record<string, unknown> | undefined> {
  let text = ''
  for await (const chunk of req.setEncoding('utf8')) {
    text += chunk
    if (text.length > mostBytes) return undefined
  }
  if (text === '') return {}
  if (req.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
    return Object.fromEntries(new URLSearchParams(text))
  }
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : undefined
  } catch {
    return undefined
  }
}

function bearerOf(req: IncomingMessage): string | undefined {
  return /^Bearer (.+)$/.exec(req.headers.authorization ?? '')?.[1]
}

function reply(res: ServerResponse, { status, body, headers, lost }: Answer): void {
  if (lost === 'hang') return
  if (lost === 'reset') {
    res.socket?.resetAndDestroy()
    return
  }
  const bytes = Buffer.from(body === undefined ? '' : JSON.stringify(body))
  res.writeHead(status, { 'content-type': contentType(status), 'content-length': bytes.length, ...headers })
  if (lost === 'truncate') res.write(bytes.subarray(0, bytes.length >> 1), () => res.socket?.destroy())
  else res.end(bytes)
}

function contentType(status: number): string {
  return status >= 400 ? 'application/problem+json' : 'application/json; charset=utf-8'
}
