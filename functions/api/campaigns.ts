/** Campaigns: making one, finding them. What sets them going is in launches.ts. */
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import { checkMessage, defaultMessages, defaultRelayTexts } from '../../shared/broadcast/message.ts'
import {
  type CampaignBody,
  campaignPath,
  campaign as campaignSchema,
  campaignWithProgress,
  type NewCampaign,
  newCampaign,
  type Progress,
} from '../../shared/contract/campaign.ts'
import { pageOf, pageQuery } from '../../shared/contract/page.ts'
import type { Campaign } from '../../shared/facts.ts'
import { Fault } from '../../shared/fault.ts'
import { newId } from '../../shared/id.ts'
import type { TotalFields } from '../../shared/track/total-names.ts'
import { acceptDestination } from './accept-destination.ts'
import type { ApiDeps, ApiEnv } from './context.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { guarded, json, problems } from './route.ts'

const hourMs = 3_600_000

const createCampaign = createRoute({
  operationId: 'createCampaign',
  method: 'post',
  path: '/v1/campaigns',
  ...guarded('campaigns:write'),
  request: { body: { required: true, content: { 'application/json': { schema: newCampaign } } } },
  responses: { 201: json(campaignSchema, 'A draft; add recipients, then launch it'), ...problems },
})

const listCampaigns = createRoute({
  operationId: 'listCampaigns',
  method: 'get',
  path: '/v1/campaigns',
  ...guarded('campaigns:read'),
  request: { query: pageQuery },
  responses: { 200: json(pageOf(campaignSchema), 'Newest first'), ...problems },
})

const getCampaign = createRoute({
  operationId: 'getCampaign',
  method: 'get',
  path: '/v1/campaigns/{id}',
  ...guarded('campaigns:read'),
  request: { params: campaignPath },
  responses: { 200: json(campaignWithProgress, 'The campaign and how far it has got'), ...problems },
})

export function addCampaigns(app: OpenAPIHono<ApiEnv>, deps: ApiDeps): void {
  app.openapi(createCampaign, async (c) => {
    const campaign = await draft(deps, c.var.ws, c.req.valid('json'))
    await deps.campaigns.create(campaign)
    c.header('location', `/v1/campaigns/${campaign.id}`)
    return c.json(campaignBody(campaign), 201)
  })

  app.openapi(listCampaigns, async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const before = decodeCursor(cursor, /^cmp_[0-9A-Za-z]{20}$/)
    const found = await deps.campaigns.list(c.var.ws, limit, before)
    const last = found.length === limit ? found.at(-1) : undefined
    return c.json({ data: found.map(campaignBody), nextCursor: last ? encodeCursor(last.id) : null }, 200)
  })

  app.openapi(getCampaign, async (c) => {
    const campaign = await findCampaign(deps, c.var.ws, c.req.valid('param').id)
    const progress = progressOf(await deps.totals.readCampaign(campaign.ws, campaign.id))
    return c.json({ ...campaignBody(campaign), progress }, 200)
  })
}

/** @throws Fault not_found, also for another workspace's: that it exists is nobody else's business. */
export async function findCampaign({ campaigns }: ApiDeps, ws: string, id: string): Promise<Campaign> {
  const campaign = await campaigns.get(ws, id)
  if (campaign === undefined) throw new Fault('not_found', `There is no campaign ${id} in this workspace.`)
  return campaign
}

async function draft(deps: ApiDeps, ws: string, asked: NewCampaign): Promise<Campaign> {
  const { name, sender, language, privacy, passItOn, postId } = asked
  const message = asked.message ?? defaultMessages[language]
  const check = checkMessage(message)
  if (!check.ok) throw new Fault('unprocessable', 'The message cannot be sent as it is.', check.errors)
  return {
    type: 'campaign',
    ws,
    id: newId('cmp', deps.clock.wall()),
    name,
    sender,
    state: 'draft',
    delivery: acceptDelivery(asked.delivery),
    privacy,
    destination: acceptDestination(asked.destination, deps.publicUrl),
    message,
    relayText: asked.relayText ?? defaultRelayTexts[language],
    ...(postId !== undefined && { postId }),
    account: await chooseAccount(deps, ws, asked.account),
    windowMs: asked.windowHours * hourMs,
    passItOn,
    createdAt: deps.clock.campaign(),
    recipients: 0,
    version: 1,
  }
}

function acceptDelivery(delivery: NewCampaign['delivery']): 'x_dm' {
  if (delivery === 'x_dm') return delivery
  const detail = `This version delivers by x_dm only; ${delivery} is planned for a later one.`
  throw new Fault('unprocessable', detail, [{ field: '/delivery', detail }])
}

async function chooseAccount({ accounts }: ApiDeps, ws: string, asked: string | undefined): Promise<string> {
  const own = await accounts.accounts(ws)
  const [first, ...others] = own
  const chosen = asked === undefined && others.length === 0 ? first : own.find(({ id }) => id === asked)
  if (chosen) return chosen.id
  const names = own.map(({ id, handle }) => `${id} (@${handle})`).join(', ')
  const problem = asked === undefined ? 'Say which account sends' : 'There is no such account here'
  const detail = first ? `${problem}: ${names}.` : 'No X account is connected to this workspace yet.'
  throw new Fault('unprocessable', detail, [{ field: '/account', detail }])
}

export function campaignBody(campaign: Campaign): CampaignBody {
  const { id, name, sender, state, delivery, privacy, destination, message, relayText, account, passItOn } = campaign
  return {
    ...{ id, name, sender, state, delivery, privacy, destination, message, relayText, account, passItOn },
    postId: campaign.postId ?? null,
    windowHours: campaign.windowMs / hourMs,
    createdAt: new Date(campaign.createdAt).toISOString(),
    launchAt: iso(campaign.launchAt),
    startedAt: iso(campaign.startedAt),
    sentDoneAt: iso(campaign.sentDoneAt),
    completedAt: iso(campaign.completedAt),
    pausedReason: campaign.pausedReason ?? null,
  }
}

const iso = (at: number | undefined): string | null => (at === undefined ? null : new Date(at).toISOString())

function progressOf(total: TotalFields): Progress {
  const { recipients = 0, pending = 0, sending = 0, sent = 0, refused = 0, unknown = 0, suppressed = 0 } = total
  return {
    ...{ recipients, pending, sending, sent, refused, unknown, suppressed },
    refusedReasons: reasonsOf(total, 'refused_'),
    suppressedReasons: reasonsOf(total, 'suppressed_'),
  }
}

function reasonsOf(total: TotalFields, prefix: string): Record<string, number> {
  const found = Object.entries(total).filter(([name, n]) => name.startsWith(prefix) && n > 0)
  return Object.fromEntries(found.map(([name, n]) => [name.slice(prefix.length), n]))
}
