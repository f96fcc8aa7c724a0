/**
 * The one place where errors become answers: RFC 9457 problem+json, from a Fault, a schema that did not fit, a body
 * that is no JSON, or something nobody expected, which is logged under the request's id and told to nobody.
 */
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type * as z from 'zod'
import type { Problem } from '../../shared/contract/problem.ts'
import { Fault, type FieldError, faults } from '../../shared/fault.ts'
import { log } from '../../shared/log.ts'
import type { ApiEnv } from './context.ts'

export async function answerProblem(error: Error, c: Context<ApiEnv>): Promise<Response> {
  const fault = error instanceof Fault ? error : await faultOf(error, c)
  const [status, title] = faults[fault.code]
  const { code, message: detail, errors } = fault
  const type = `urn:passalong:problem:${code}`
  const body: Problem = { type, title, status, code, detail, requestId: c.var.requestId, errors }
  if (code === 'unauthorized') c.header('www-authenticate', 'Bearer')
  return c.body(JSON.stringify(body), status as ContentfulStatusCode, { 'content-type': 'application/problem+json' })
}

async function faultOf(error: Error, c: Context<ApiEnv>): Promise<Fault> {
  // The framework's own refusals: no JSON, or a media type the route does not take.
  if (error instanceof HTTPException && error.status === 400) return brokenJson(await c.req.text())
  if (error instanceof HTTPException && error.status === 415) {
    return new Fault(
      'invalid_request',
      'This call takes another Content-Type; send application/json (or as documented).',
    )
  }
  // Not the error's message: it may quote what was sent.
  const at = error.stack?.split('\n').filter((line) => /^\s+at /.test(line))
  const where = at?.slice(0, 3).map((line) => line.trim())
  log('error', 'api.failed', {
    requestId: c.var.requestId,
    method: c.req.method,
    error: error.name,
    where: where?.join(' < '),
  })
  return new Fault('internal', `Nothing you can mend; if it lasts, tell us the request id ${c.var.requestId}.`)
}

type Checked = { target: string } & ({ success: true } | { success: false; error: z.ZodError })

/** The hook of every schema: names each field that does not fit. */
export function refuseInvalid(checked: Checked): void {
  if (checked.success) return
  // An id that cannot exist is as absent as one that does not.
  if (checked.target === 'param') throw new Fault('not_found', 'There is no such thing in this workspace.')
  const inQuery = checked.target === 'query'
  const place = (path: PropertyKey[]) => (inQuery ? `?${path.map(String).join('.')}` : pointer(path))
  const errors = checked.error.issues.flatMap((issue): FieldError[] =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ field: place([...issue.path, key]), detail: 'There is no such field here.' }))
      : [{ field: place(issue.path), detail: issue.message }],
  )
  throw new Fault('invalid_request', errors.map(({ field, detail }) => `${field}: ${detail}`).join(' '), errors)
}

const pointer = (path: PropertyKey[]): string =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

function brokenJson(text: string): Fault {
  if (text.trim() === '') return new Fault('invalid_request', 'The body is empty; send a JSON object.')
  const at = firstBroken(text)
  const before = text.slice(0, at).split('\n')
  const place = `line ${before.length}, column ${before.at(-1)!.length + 1}`
  return new Fault('invalid_request', `The body is not JSON: it breaks at position ${at} (${place}).`)
}

/**
 * Where a text stops being JSON. For some mistakes the parser tells no position, so the longest beginning that could
 * still become JSON is looked for.
 */
function firstBroken(text: string): number {
  let [good, bad] = [0, text.length + 1]
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    if (couldGoOn(text.slice(0, middle))) good = middle
    else bad = middle
  }
  return good
}

function couldGoOn(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    const { message } = error as Error
    return message.startsWith('Unexpected end') || message.includes(`at position ${text.length} `)
  }
}
