/** Plain links on the wire. The personal links of a campaign are not shown here. */
import * as z from 'zod'

export const newLink = z
  .strictObject({
    destination: z.string().meta({ description: 'http or https, not this service.' }),
    slug: z
      .string()
      .regex(/^[0-9A-Za-z_-]{3,64}$/)
      .optional()
      .meta({ description: 'Default: 10 random characters.' }),
  })
  .meta({ id: 'NewLink' })

export const linkPath = z.object({ slug: z.string().max(64) })

const linkFields = z.object({
  slug: z.string(),
  host: z.string(),
  url: z.string(),
  destination: z.string(),
  createdAt: z.iso.datetime(),
})

export const link = linkFields.meta({ id: 'Link' })

export const linkWithTotals = linkFields
  .extend({
    totals: z.object({
      hits: z.int().meta({ description: 'Every request, bots among them.' }),
      bots: z.int(),
      visits: z.int().meta({ description: 'By people: one per visitor and half-hour.' }),
      visitorDays: z.int(),
    }),
  })
  .meta({ id: 'LinkWithTotals' })

export type LinkBody = z.infer<typeof link>
