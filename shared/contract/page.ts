/** Lists come in pages: follow `nextCursor` until it is null. */
import * as z from 'zod'

export const pageQuery = z.strictObject({
  cursor: z.string().optional().meta({ description: '`nextCursor` of the page before.' }),
  limit: z.coerce.number().int().min(1).max(100).default(50),
})

export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ data: z.array(item), nextCursor: z.string().nullable() })
