/** Campaigns on the wire. Times are ISO 8601; what has not happened yet is null. */
import * as z from 'zod'

const campaignId = z.string().regex(/^cmp_[0-9A-Za-z]{20}$/)

export const campaignPath = z.object({ id: campaignId.meta({ example: 'cmp_0VQ3kYdWq1Z8uX5cT7Rb' }) })

const name = z.string().trim().min(1)
const state = z.enum(['draft', 'scheduled', 'sending', 'paused', 'tracking', 'completed', 'cancelled'])
const delivery = z.enum(['x_dm', 'external', 'public_post'])
const privacy = z.enum(['aggregate', 'individual'])
const time = z.iso.datetime({ offset: true })

export const newCampaign = z
  .strictObject({
    name: name.max(200),
    sender: name.max(100).meta({ description: 'Who asks: shown on top of the relay page.' }),
    destination: z.string().meta({ description: 'Where relay links lead: http or https, not this service.' }),
    language: z.enum(['fr', 'en']).default('en').meta({ description: 'Of the default message and relay text.' }),
    message: z.string().min(1).optional().meta({
      description: 'LiquidJS with name, handle, lang, followers, sender, and {{ link }} once. Default: by language.',
    }),
    relayText: z
      .string()
      .max(1000)
      .optional()
      .meta({ description: 'What a relayer is offered to post before their link. Default: by language.' }),
    account: z.string().optional().meta({ description: "Default: the workspace's only account." }),
    privacy: privacy.default('aggregate'),
    delivery: delivery.default('x_dm').meta({ description: 'This version delivers by x_dm only.' }),
    windowHours: z.int().min(1).max(720).default(72),
    passItOn: z.boolean().default(false).meta({ description: 'Adds ?via=<slug> to the destination.' }),
    postId: z
      .string()
      .regex(/^\d{1,20}$/)
      .optional()
      .meta({ description: "The operator's own post on X, offered for a repost." }),
  })
  .meta({ id: 'NewCampaign' })

export type NewCampaign = z.infer<typeof newCampaign>

const campaignFields = z.object({
  id: campaignId,
  name: z.string(),
  sender: z.string(),
  state,
  delivery,
  privacy,
  destination: z.string(),
  message: z.string(),
  relayText: z.string(),
  postId: z.string().nullable(),
  account: z.string(),
  windowHours: z.number(),
  passItOn: z.boolean(),
  createdAt: time,
  launchAt: time.nullable(),
  startedAt: time.nullable(),
  sentDoneAt: time.nullable(),
  completedAt: time.nullable(),
  pausedReason: z.string().nullable(),
})

export const campaign = campaignFields.meta({ id: 'Campaign' })

const reasons = z.record(z.string(), z.int())

const progress = z
  .object({
    recipients: z.int(),
    pending: z.int(),
    sending: z.int(),
    sent: z.int(),
    refused: z.int(),
    unknown: z.int(),
    suppressed: z.int(),
    refusedReasons: reasons,
    suppressedReasons: reasons,
  })
  .meta({ id: 'Progress' })

export const campaignWithProgress = campaignFields.extend({ progress }).meta({ id: 'CampaignWithProgress' })

export type CampaignBody = z.infer<typeof campaign>
export type Progress = z.infer<typeof progress>

export const launchBody = z
  .strictObject({
    at: time.optional().meta({ description: 'When to launch, with an offset or Z, in the future. Default: now.' }),
  })
  .meta({ id: 'Launch' })
