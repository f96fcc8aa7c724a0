/**
 * What every guarded route says about itself: the scope its caller needs, how large a body may be, what it answers.
 *
 *     createRoute({ ...guarded('campaigns:read'), responses: { 200: json(campaign, 'The campaign'), ...problems } })
 */
import type { MiddlewareHandler } from 'hono'
import type * as z from 'zod'
import { problem } from '../../shared/contract/problem.ts'
import { Fault } from '../../shared/fault.ts'
import type { ApiEnv } from './context.ts'

export type Scope = 'campaigns:read' | 'campaigns:write' | 'links:read' | 'links:write' | 'reports:read'

export interface BodyLimits {
  jsonBytes: number
  csvBytes: number
}

const usualLimits: BodyLimits = { jsonBytes: 256 * 1024, csvBytes: 0 }

export function guarded(scope: Scope, limits: BodyLimits = usualLimits) {
  return { security: [{ apiKey: [scope] }], middleware: [requireScope(scope), limitBody(limits)] }
}

function requireScope(scope: Scope): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const { ws, scopes } = await c.var.authenticate(c.req.header('authorization'))
    if (!scopes.includes('*') && !scopes.includes(scope))
      throw new Fault('forbidden', `This key lacks the scope ${scope}.`)
    c.set('ws', ws)
    await next()
  }
}

/** The body is in memory already (API Gateway and the local server hand it over whole), so it is simply measured. */
function limitBody({ jsonBytes, csvBytes }: BodyLimits): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const limit = csvBytes > 0 && isCsv(c.req.header('content-type')) ? csvBytes : jsonBytes
    const { byteLength } = await c.req.arrayBuffer()
    if (byteLength > limit)
      throw new Fault('too_large', `The body has ${byteLength} bytes; at most ${limit} are taken here.`)
    await next()
  }
}

export const isCsv = (contentType: string | undefined): boolean => /^text\/csv\b/i.test(contentType ?? '')

export function json<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { description, content: { 'application/json': { schema } } }
}

export const problems = {
  default: { description: 'A refusal', content: { 'application/problem+json': { schema: problem } } },
}
