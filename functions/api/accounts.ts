/** The X accounts a workspace sends from. */
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import { accountList } from '../../shared/contract/account.ts'
import type { ApiDeps, ApiEnv } from './context.ts'
import { guarded, json, problems } from './route.ts'

const listAccounts = createRoute({
  operationId: 'listAccounts',
  method: 'get',
  path: '/v1/accounts',
  ...guarded('campaigns:read'),
  responses: { 200: json(accountList, 'All of them'), ...problems },
})

export function addAccounts(app: OpenAPIHono<ApiEnv>, { accounts }: ApiDeps): void {
  app.openapi(listAccounts, async (c) => {
    const found = await accounts.accounts(c.var.ws)
    return c.json({ data: found.map(({ id, handle }) => ({ id, handle })) }, 200)
  })
}
