/** What a campaign came to: the report, and the one picture made from it. */
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import * as z from 'zod'
import { campaignPath } from '../../shared/contract/campaign.ts'
import { report as reportSchema } from '../../shared/contract/report.ts'
import type { Language } from '../../shared/facts.ts'
import { funnelSvg } from '../../shared/measure/funnel-svg.ts'
import { buildReport, type Report } from '../../shared/measure/report.ts'
import { findCampaign } from './campaigns.ts'
import type { ApiDeps, ApiEnv } from './context.ts'
import { guarded, json, problems } from './route.ts'

const getReport = createRoute({
  operationId: 'getReport',
  method: 'get',
  path: '/v1/campaigns/{id}/report',
  ...guarded('reports:read'),
  request: { params: campaignPath },
  responses: { 200: json(reportSchema, 'Funnel, coefficients, hours, segments, warnings'), ...problems },
})

const getFunnel = createRoute({
  operationId: 'getFunnel',
  method: 'get',
  path: '/v1/campaigns/{id}/funnel.svg',
  ...guarded('reports:read'),
  request: { params: campaignPath, query: z.strictObject({ lang: z.enum(['fr', 'en']).optional() }) },
  responses: {
    200: {
      description: 'The funnel as a picture; its language is `lang`, else what Accept-Language puts first',
      content: { 'image/svg+xml': { schema: z.string() } },
    },
    ...problems,
  },
})

export function addReports(app: OpenAPIHono<ApiEnv>, deps: ApiDeps): void {
  async function reportOf(ws: string, id: string): Promise<Report> {
    const campaign = await findCampaign(deps, ws, id)
    return buildReport({ campaign, totals: await deps.totals.readReport(ws, id), nowMs: deps.clock.campaign() })
  }

  app.openapi(getReport, async (c) => c.json(await reportOf(c.var.ws, c.req.valid('param').id), 200))

  app.openapi(getFunnel, async (c) => {
    const lang = c.req.valid('query').lang ?? preferred(c.req.header('accept-language'))
    const picture = funnelSvg(await reportOf(c.var.ws, c.req.valid('param').id), lang)
    return c.body(picture, 200, {
      'content-type': 'image/svg+xml; charset=utf-8',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    })
  })
}

/** Whichever of the two the client lists first. */
function preferred(acceptLanguage = ''): Language {
  return /(?:^|,)\s*(fr|en)\b/i.exec(acceptLanguage)?.[1]?.toLowerCase() === 'fr' ? 'fr' : 'en'
}
