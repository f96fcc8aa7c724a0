/** People who said stop by another way than the stop page, such as a reply. */
import * as z from 'zod'

export const newSuppression = z
  .strictObject({
    x_user_id: z.string().regex(/^\d{1,20}$/, 'Must be the digits of an X user id, as a string.'),
  })
  .meta({ id: 'NewSuppression' })

export const suppressionPath = z.object({ x_user_id: z.string().regex(/^\d{1,20}$/) })

export const suppression = z.object({ x_user_id: z.string(), suppressed: z.boolean() }).meta({ id: 'Suppression' })
