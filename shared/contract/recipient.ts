/** Recipients on the wire: the same field names in JSON and in the columns of a CSV. */
import * as z from 'zod'
import { pageQuery } from './page.ts'

const status = z.enum(['pending', 'sending', 'sent', 'refused', 'unknown', 'suppressed'])

/** Rows are checked one by one by shared/broadcast/recipients.ts, for JSON as for CSV; here they are only described. */
const row = z.unknown().meta({
  type: 'object',
  required: ['x_user_id', 'handle'],
  properties: {
    x_user_id: { type: 'string', description: 'Digits.' },
    handle: { type: 'string' },
    name: { type: 'string', description: 'Default: the handle.' },
    lang: { type: 'string', example: 'fr' },
    followers: { type: 'integer' },
    consent_basis: { type: 'string', enum: ['dm_first', 'opt_in'] },
    consent_evidence: {
      type: 'string',
      description: 'What shows it. Without consent a row is kept, never written to.',
    },
    consent_at: { type: 'string', description: 'A date or date-time.' },
  },
})

export const recipientImport = z
  .strictObject({
    recipients: z.array(row).min(1).max(1000),
    skipInvalid: z.boolean().default(false),
  })
  .meta({ id: 'RecipientImport' })

export const importQuery = z.strictObject({
  skip_invalid: z
    .enum(['true', 'false'])
    .default('false')
    .meta({ description: 'Import the good rows, report the bad.' }),
})

export const recipientCsv = z.string().meta({
  description: 'A header line with the columns, then one person per line; commas or semicolons.',
  example: 'handle,x_user_id,name,lang,followers,consent_basis,consent_evidence,consent_at',
})

export const importResult = z
  .object({
    added: z.object({ pending: z.int(), suppressed: z.int() }),
    suppressedReasons: z.record(z.string(), z.int()),
    duplicates: z
      .array(z.string())
      .meta({ description: 'X user ids that were in the campaign already; left as they are.' }),
    skipped: z.array(z.object({ field: z.string(), detail: z.string() })).meta({
      description: 'What was left out: bad rows, and people who stand earlier in the same import. At most 1,000.',
    }),
    skippedTotal: z.int(),
  })
  .meta({ id: 'ImportResult' })

export const recipientQuery = pageQuery.extend({ status: status.optional() })

export const recipient = z
  .object({
    ordinal: z.int(),
    status,
    reason: z.string().nullable(),
    handle: z.string(),
    x_user_id: z.string(),
    name: z.string(),
    lang: z.string().nullable(),
    followers: z.int().nullable(),
    consent_basis: z.enum(['dm_first', 'opt_in']).nullable(),
    consent_evidence: z.string().nullable(),
    consent_at: z.iso.datetime().nullable(),
    sentAt: z.iso.datetime().nullable().meta({ description: 'To the hour when the campaign is aggregate.' }),
  })
  .meta({ id: 'Recipient' })

export type RecipientBody = z.infer<typeof recipient>
