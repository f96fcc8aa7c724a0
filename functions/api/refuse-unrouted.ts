/** What no route answers: a path that exists under another method is 405 and says which, any other is 404. */
import type { OpenAPIHono } from '@hono/zod-openapi'
import { Fault } from '../../shared/fault.ts'
import type { ApiEnv } from './context.ts'
import { answerProblem } from './problem.ts'

/** To be called last: it takes what the routes before it have left. */
export function refuseUnrouted(app: OpenAPIHono<ApiEnv>): void {
  for (const [path, methods] of methodsByPath(app)) {
    const allow = [...methods].join(', ')
    app.all(path, (c) => {
      c.header('allow', allow)
      throw new Fault('method_not_allowed', `${c.req.method} is not possible here; allowed: ${allow}.`)
    })
  }
  app.notFound((c) => answerProblem(new Fault('not_found', 'There is no such path; see /v1/openapi.json.'), c))
}

function methodsByPath(app: OpenAPIHono<ApiEnv>): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  for (const { method, path } of app.routes) {
    if (method === 'ALL') continue
    const methods = found.get(path) ?? new Set()
    found.set(path, methods.add(method))
    if (method === 'GET') methods.add('HEAD')
  }
  return found
}
