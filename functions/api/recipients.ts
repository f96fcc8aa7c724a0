/** The people of a campaign: imported while it is a draft, from JSON or CSV, all or none unless told otherwise. */
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import {
  type CheckedRecipient,
  type CheckedRecipients,
  checkRecipients,
  consentGate,
  parseRecipientsCsv,
} from '../../shared/broadcast/recipients.ts'
import { campaignPath } from '../../shared/contract/campaign.ts'
import { pageOf } from '../../shared/contract/page.ts'
import {
  importQuery,
  importResult,
  type RecipientBody,
  recipientCsv,
  recipientImport,
  recipientQuery,
  recipient as recipientSchema,
} from '../../shared/contract/recipient.ts'
import type { Recipient } from '../../shared/facts.ts'
import { Fault } from '../../shared/fault.ts'
import type { NewRecipient } from '../../shared/table/recipients.ts'
import { findCampaign } from './campaigns.ts'
import type { ApiDeps, ApiEnv } from './context.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { guarded, isCsv, json, problems } from './route.ts'

const importLimits = { jsonBytes: 1024 * 1024, csvBytes: 10 * 1024 * 1024 }
/** A file of nothing but mistakes must not become an answer that cannot be delivered. */
const mostRefused = 100
const mostSkipped = 1000
/** How many rows one call of the filtered list looks at. */
const mostRead = 1000

const importRecipients = createRoute({
  operationId: 'importRecipients',
  method: 'post',
  path: '/v1/campaigns/{id}/recipients',
  ...guarded('campaigns:write', importLimits),
  request: {
    params: campaignPath,
    query: importQuery,
    body: { content: { 'application/json': { schema: recipientImport }, 'text/csv': { schema: recipientCsv } } },
  },
  responses: { 200: json(importResult, 'What was added and what was not'), ...problems },
})

const listRecipients = createRoute({
  operationId: 'listRecipients',
  method: 'get',
  path: '/v1/campaigns/{id}/recipients',
  ...guarded('campaigns:read'),
  request: { params: campaignPath, query: recipientQuery },
  responses: {
    200: json(pageOf(recipientSchema), 'In the order of import; with `status`, a page may be short of `limit`'),
    ...problems,
  },
})

export function addRecipients(app: OpenAPIHono<ApiEnv>, deps: ApiDeps): void {
  app.openapi(importRecipients, async (c) => {
    const { id } = await findCampaign(deps, c.var.ws, c.req.valid('param').id)
    const now = deps.clock.campaign()
    const body = isCsv(c.req.header('content-type')) ? await c.req.text() : c.req.valid('json')
    const skipInvalid = c.req.valid('query').skip_invalid === 'true' || (typeof body === 'object' && body.skipInvalid)
    const checked = typeof body === 'object' ? checkRecipients(body.recipients, now) : parseRecipientsCsv(body, now)
    if (!skipInvalid) refuseErrors(checked)
    const { duplicates, ...added } = await deps.recipients.add(c.var.ws, id, checked.rows.map(newRecipient))
    const skipped = [...checked.errors, ...checked.duplicates]
    return c.json(
      {
        added,
        suppressedReasons: added.suppressed > 0 ? { no_consent: added.suppressed } : {},
        duplicates,
        skipped: skipped.slice(0, mostSkipped),
        skippedTotal: skipped.length,
      },
      200,
    )
  })

  app.openapi(listRecipients, async (c) => {
    const { limit, cursor, status } = c.req.valid('query')
    const { id } = await findCampaign(deps, c.var.ws, c.req.valid('param').id)
    const after = Number(decodeCursor(cursor, /^\d{1,7}$/) ?? 0)
    const { found, next } = await pageOfStatus(deps, c.var.ws, id, { after, limit, status })
    return c.json({ data: found.map(recipientBody), nextCursor: next === undefined ? null : encodeCursor(next) }, 200)
  })
}

/** Rows that are wrong in a file that is right otherwise: nothing is imported, so that mending it and again is safe. */
function refuseErrors({ errors }: CheckedRecipients): void {
  if (errors.length === 0) return
  const { field, detail } = errors[0]!
  const listed = errors.length > mostRefused ? ` ${errors.length} problems; the first ${mostRefused} are listed.` : ''
  const message = `Nothing was imported. ${field}: ${detail}${listed} Mend it, or import the rest with skip_invalid.`
  throw new Fault('unprocessable', message, errors.slice(0, mostRefused))
}

function newRecipient(checked: CheckedRecipient): NewRecipient {
  const gate = consentGate(checked)
  return gate === 'pending'
    ? { ...checked, status: 'pending' }
    : { ...checked, status: 'suppressed', reason: gate.suppressed }
}

interface Wanted {
  after: number
  limit: number
  status: Recipient['status'] | undefined
}

async function pageOfStatus({ recipients }: ApiDeps, ws: string, cmp: string, { after, limit, status }: Wanted) {
  const found: Recipient[] = []
  let next: number | undefined = after
  for (let read = 0; next !== undefined && found.length < limit && read < mostRead; read += limit) {
    const rows: Recipient[] = await recipients.list(ws, cmp, next, limit)
    next = rows.length < limit ? undefined : rows.at(-1)!.ordinal
    for (const row of rows) {
      if (status !== undefined && row.status !== status) continue
      found.push(row)
      // Full in the middle of what was read: the next page goes on from here.
      if (found.length === limit && row !== rows.at(-1)) return { found, next: row.ordinal }
    }
  }
  return { found, next }
}

/** The ask link stays out of it: with it, whoever lists recipients could tell who read. */
function recipientBody(recipient: Recipient): RecipientBody {
  const { ordinal, status, reason, handle, xUserId, name, segments, followers, consent, sentAt } = recipient
  return {
    ...{ ordinal, status, handle, name },
    reason: reason ?? null,
    x_user_id: xUserId,
    lang: segments.lang ?? null,
    followers: followers ?? null,
    consent_basis: consent?.basis ?? null,
    consent_evidence: consent?.evidence ?? null,
    consent_at: consent ? new Date(consent.at).toISOString() : null,
    sentAt: sentAt === undefined ? null : new Date(sentAt).toISOString(),
  }
}
