/** The /v1 API: every call authenticated by an API key, confined to its workspace, described by its own document. */
import { OpenAPIHono } from '@hono/zod-openapi'
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import { handle, type LambdaEvent } from 'hono/aws-lambda'
import { env } from '../../shared/env.ts'
import { stopSecret } from '../../shared/ports/access.ts'
import { clockFromEnv } from '../../shared/ports/clock.ts'
import { createQueue } from '../../shared/ports/queue.ts'
import { createVault } from '../../shared/ports/vault.ts'
import { createAccounts } from '../../shared/table/accounts.ts'
import { createCampaigns } from '../../shared/table/campaigns.ts'
import { createTable } from '../../shared/table/client.ts'
import { createLinks } from '../../shared/table/links.ts'
import { createRecipients } from '../../shared/table/recipients.ts'
import { createTotals } from '../../shared/table/totals.ts'
import { createTurns } from '../../shared/table/turns.ts'
import { addAccounts } from './accounts.ts'
import { addCampaigns } from './campaigns.ts'
import type { ApiDeps, ApiEnv } from './context.ts'
import { addHealth } from './health.ts'
import { addLaunches } from './launches.ts'
import { addLinks } from './links.ts'
import { answerProblem, refuseInvalid } from './problem.ts'
import { addRecipients } from './recipients.ts'
import { refuseUnrouted } from './refuse-unrouted.ts'
import { addReports } from './reports.ts'
import { startRequest } from './start-request.ts'
import { addSuppressions } from './suppressions.ts'

const resources = [
  addHealth,
  addAccounts,
  addCampaigns,
  addRecipients,
  addLaunches,
  addReports,
  addLinks,
  addSuppressions,
]

export function createApp(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid })
  app.use(startRequest(deps.accounts))
  app.onError(answerProblem)
  for (const add of resources) add(app, deps)
  refuseUnrouted(app)
  return app
}

function wire(): ApiDeps {
  const table = createTable()
  const accounts = createAccounts(table)
  return {
    campaigns: createCampaigns(table),
    recipients: createRecipients(table),
    links: createLinks(table),
    accounts,
    totals: createTotals(table),
    turns: createTurns(table),
    queue: createQueue(),
    clock: clockFromEnv(),
    publicUrl: env.publicUrl(),
    xApiUrl: env.xApiUrl(),
    stopSecret: () => stopSecret(accounts, createVault(env.vault())),
  }
}

let answer: ReturnType<typeof handle> | undefined

export const handler = async (event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> => {
  answer ??= handle(createApp(wire()))
  // The adapter's own types for the same two shapes.
  return answer(event as unknown as LambdaEvent) as Promise<APIGatewayProxyStructuredResultV2>
}
