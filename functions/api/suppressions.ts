/** "Don't write to them again": at once, in every campaign of the workspace. Saying it twice is saying it once. */
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import { stopToken } from '../../shared/broadcast/stop-token.ts'
import { newSuppression, suppression } from '../../shared/contract/suppression.ts'
import type { ApiDeps, ApiEnv } from './context.ts'
import { guarded, json, problems } from './route.ts'

const dayMs = 86_400_000

const createSuppression = createRoute({
  operationId: 'createSuppression',
  method: 'post',
  path: '/v1/suppressions',
  ...guarded('campaigns:write'),
  request: { body: { required: true, content: { 'application/json': { schema: newSuppression } } } },
  responses: { 201: json(suppression, 'They are not written to any more'), ...problems },
})

export function addSuppressions(app: OpenAPIHono<ApiEnv>, { links, clock, stopSecret }: ApiDeps): void {
  app.openapi(createSuppression, async (c) => {
    const { x_user_id } = c.req.valid('json')
    const { ws } = c.var
    const token = stopToken(await stopSecret(), ws, x_user_id)
    const at = Math.floor(clock.campaign() / dayMs) * dayMs
    await links.suppress({ type: 'suppression', ws, token, source: 'operator', at })
    return c.json({ x_user_id, suppressed: true as const }, 201)
  })
}
