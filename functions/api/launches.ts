/** What an operator does to a campaign: launch it now or at a time, pause, resume, cancel. */
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import { type CampaignAction, move } from '../../shared/broadcast/campaign-state.ts'
import { checkLaunch } from '../../shared/broadcast/launch-guard.ts'
import { checkMessage } from '../../shared/broadcast/message.ts'
import { campaignPath, campaign as campaignSchema, launchBody } from '../../shared/contract/campaign.ts'
import type { Campaign, CampaignState } from '../../shared/facts.ts'
import { Fault } from '../../shared/fault.ts'
import { log, reasonOf } from '../../shared/log.ts'
import type { AgendaEntry, CampaignPatch } from '../../shared/table/campaigns.ts'
import { campaignBody, findCampaign } from './campaigns.ts'
import { checkAudience } from './check-audience.ts'
import type { ApiDeps, ApiEnv } from './context.ts'
import { guarded, json, problems } from './route.ts'

const launchCampaign = createRoute({
  operationId: 'launchCampaign',
  method: 'post',
  path: '/v1/campaigns/{id}/launch',
  ...guarded('campaigns:write'),
  request: { params: campaignPath, body: { content: { 'application/json': { schema: launchBody } } } },
  responses: { 200: json(campaignSchema, 'Sending, or scheduled when `at` was given'), ...problems },
})

const pauseCampaign = createRoute({
  operationId: 'pauseCampaign',
  method: 'post',
  path: '/v1/campaigns/{id}/pause',
  ...guarded('campaigns:write'),
  request: { params: campaignPath },
  responses: { 200: json(campaignSchema, 'Paused; a message under way still gets its receipt'), ...problems },
})

const resumeCampaign = createRoute({
  operationId: 'resumeCampaign',
  method: 'post',
  path: '/v1/campaigns/{id}/resume',
  ...guarded('campaigns:write'),
  request: { params: campaignPath },
  responses: { 200: json(campaignSchema, 'Sending again'), ...problems },
})

const cancelCampaign = createRoute({
  operationId: 'cancelCampaign',
  method: 'post',
  path: '/v1/campaigns/{id}/cancel',
  ...guarded('campaigns:write'),
  request: { params: campaignPath },
  responses: { 200: json(campaignSchema, 'Cancelled for good'), ...problems },
})

export function addLaunches(app: OpenAPIHono<ApiEnv>, deps: ApiDeps): void {
  app.openapi(launchCampaign, async (c) => {
    const campaign = await findCampaign(deps, c.var.ws, c.req.valid('param').id)
    const { at } = c.req.valid('json')
    const launched = at === undefined ? await launchNow(deps, campaign) : await schedule(deps, campaign, Date.parse(at))
    return c.json(campaignBody(launched), 200)
  })

  app.openapi(pauseCampaign, async (c) => {
    const campaign = await findCampaign(deps, c.var.ws, c.req.valid('param').id)
    return c.json(campaignBody(await take(deps, campaign, 'pause', { pausedReason: 'operator' })), 200)
  })

  app.openapi(resumeCampaign, async (c) => {
    const campaign = await findCampaign(deps, c.var.ws, c.req.valid('param').id)
    const resumed = await take(deps, campaign, 'resume', { pausedReason: undefined })
    await seedTurn(deps, campaign)
    return c.json(campaignBody(resumed), 200)
  })

  app.openapi(cancelCampaign, async (c) => {
    const campaign = await findCampaign(deps, c.var.ws, c.req.valid('param').id)
    const patch = { pausedReason: undefined }
    return c.json(campaignBody(await take(deps, campaign, 'cancel', patch, { remove: waiting(campaign) })), 200)
  })
}

async function launchNow(deps: ApiDeps, campaign: Campaign): Promise<Campaign> {
  const { ws, account } = campaign
  await checkReady(deps, campaign, 'launch')
  // Before the move: should this process die right after it, the watchdog knows the account and seeds its turn.
  await deps.turns.ensure(ws, account, deps.clock.wall())
  const patch = { startedAt: deps.clock.campaign(), launchAt: undefined }
  const launched = await take(deps, campaign, 'launch', patch, { remove: waiting(campaign) })
  await seedTurn(deps, campaign)
  return launched
}

async function schedule(deps: ApiDeps, campaign: Campaign, at: number): Promise<Campaign> {
  const detail = `It must be in the future; it is ${new Date(deps.clock.campaign()).toISOString()} now.`
  if (at <= deps.clock.campaign()) throw new Fault('unprocessable', `/at: ${detail}`, [{ field: '/at', detail }])
  await checkReady(deps, campaign, 'schedule')
  const add: AgendaEntry = { at, action: 'start', ws: campaign.ws, cmp: campaign.id }
  // The same time again is the same entry, and one write cannot put and delete it.
  const remove = campaign.launchAt === at ? undefined : waiting(campaign)
  return await take(deps, campaign, 'schedule', { launchAt: at }, { add, remove })
}

/** All that can be known before the first message leaves. The audience is frozen by the move that follows. */
async function checkReady(deps: ApiDeps, campaign: Campaign, action: CampaignAction): Promise<void> {
  next(campaign.state, action)
  const site = checkLaunch(deps)
  if (!site.ok) throw new Fault('unprocessable', site.detail)
  const message = checkMessage(campaign.message)
  if (!message.ok) throw new Fault('unprocessable', 'The message cannot be sent as it is.', message.errors)
  await checkAudience(deps.recipients, campaign, deps.publicUrl)
}

/** The campaign's own place on the agenda, while it waits there. */
function waiting({ state, launchAt, ws, id }: Campaign): AgendaEntry | undefined {
  if (state !== 'scheduled' || launchAt === undefined) return undefined
  return { at: launchAt, action: 'start', ws, cmp: id }
}

interface AgendaChange {
  add?: AgendaEntry
  remove?: AgendaEntry | undefined
}

async function take(
  deps: ApiDeps,
  campaign: Campaign,
  action: CampaignAction,
  patch: CampaignPatch,
  { add, remove }: AgendaChange = {},
): Promise<Campaign> {
  const agenda = { ...(add && { add }), ...(remove && { remove }) }
  const moved = await deps.campaigns.move(campaign, next(campaign.state, action), deps.clock.campaign(), patch, agenda)
  if (moved === 'changed')
    throw new Fault('conflict', 'The campaign was changed by something else just now; read it again.')
  return await findCampaign(deps, campaign.ws, campaign.id)
}

/** What the operator can ask for, as calls: scheduling is a launch with a time. */
const calls: Partial<Record<CampaignAction, string>> = {
  launch: 'launch',
  pause: 'pause',
  resume: 'resume',
  cancel: 'cancel',
}

/** @throws Fault conflict that names what can be done instead. */
function next(state: CampaignState, action: CampaignAction): CampaignState {
  const moved = move(state, action)
  if (moved.ok) return moved.state
  const allowed = moved.allowed.flatMap((one) => calls[one] ?? [])
  const instead = allowed.length > 0 ? `Possible now: ${allowed.join(', ')}.` : 'Nothing can be done to it any more.'
  throw new Fault('conflict', `The campaign is ${state}; ${calls[action] ?? 'launch'} is not possible. ${instead}`)
}

/** Hands the account its turn. If the queue does not take it, the watchdog does within a minute: the move stands. */
async function seedTurn({ turns, queue, clock }: ApiDeps, { ws, account }: Campaign): Promise<void> {
  try {
    const { n } = await turns.ensure(ws, account, clock.wall())
    await queue.send('turns', { account, n })
  } catch (error) {
    log('warn', 'turn.not_seeded', { account, reason: reasonOf(error) })
  }
}
