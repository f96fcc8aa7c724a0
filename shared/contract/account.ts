/** An X account that sends, as the API shows it. */
import * as z from 'zod'

export const account = z.object({ id: z.string(), handle: z.string() }).meta({ id: 'Account' })

export const accountList = z.object({ data: z.array(account) })
