/** "Don't write to them again": at once, in every campaign of the workspace. Saying it twice is saying it once. */
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import { stopToken } from '../../shared/broadcast/stop-token.ts'
import { newSuppression, suppression, suppressionPath } from '../../shared/contract/suppression.ts'
import { Fault } from '../../shared/fault.ts'
import type { ApiDeps, ApiEnv } from './context.ts'
import { guarded, json, problems } from './route.ts'

const createSuppression = createRoute({
  operationId: 'createSuppression',
  method: 'post',
  path: '/v1/suppressions',
  ...guarded('campaigns:write'),
  request: { body: { required: true, content: { 'application/json': { schema: newSuppression } } } },
  responses: { 201: json(suppression, 'They are not written to any more'), ...problems },
})

const deleteSuppression = createRoute({
  operationId: 'deleteSuppression',
  method: 'delete',
  path: '/v1/suppressions/{x_user_id}',
  ...guarded('campaigns:write'),
  request: { params: suppressionPath },
  responses: { 200: json(suppression, 'They may be written to again'), ...problems },
})

export function addSuppressions(app: OpenAPIHono<ApiEnv>, { links, clock, stopSecret }: ApiDeps): void {
  app.openapi(createSuppression, async (c) => {
    const { x_user_id } = c.req.valid('json')
    const { ws } = c.var
    const token = stopToken(await stopSecret(), ws, x_user_id)
    const at = clock.campaign()
    await links.suppress({ type: 'suppression', ws, token, source: 'operator', at })
    return c.json({ x_user_id, suppressed: true }, 201)
  })

  // The other way round only on their own word; whoever was suppressed in a campaign stays so in that one.
  app.openapi(deleteSuppression, async (c) => {
    const { x_user_id } = c.req.valid('param')
    const token = stopToken(await stopSecret(), c.var.ws, x_user_id)
    if ((await links.unsuppress(c.var.ws, token)) === 'absent')
      throw new Fault('not_found', 'This person is not suppressed in this workspace.')
    return c.json({ x_user_id, suppressed: false }, 200)
  })
}
