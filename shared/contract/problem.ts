/** How every refusal looks on the wire: RFC 9457, as `application/problem+json`. */
import * as z from 'zod'

export const problem = z
  .object({
    type: z.string().meta({ example: 'urn:passalong:problem:not_found' }),
    title: z.string(),
    status: z.int(),
    code: z.string().meta({ description: 'What to branch on; the words may change.', example: 'not_found' }),
    detail: z.string(),
    requestId: z.string(),
    errors: z.array(
      z.object({
        field: z.string().meta({
          description:
            'A JSON pointer (`/recipients/3/handle`), a query option (`?limit`), or for a CSV `line 4, column handle`.',
        }),
        detail: z.string(),
      }),
    ),
  })
  .meta({ id: 'Problem' })

export type Problem = z.infer<typeof problem>
