/**
 * What every call begins with: its id, on the answer and in the log, and a way to ask whose it is.
 *
 * `Authorization: Bearer pa_live_…` is looked up by its SHA-256. A mistyped key fails its own checksum and costs no
 * read.
 */
import type { MiddlewareHandler } from 'hono'
import { Fault } from '../../shared/fault.ts'
import { hashApiKey, isApiKey, newId } from '../../shared/id.ts'
import type { Accounts, ApiKey } from '../../shared/table/accounts.ts'
import type { ApiEnv } from './context.ts'

export function startRequest(accounts: Accounts): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    c.set('requestId', newId('req'))
    c.set('authenticate', (authorization) => authenticate(accounts, authorization))
    c.header('x-request-id', c.var.requestId)
    c.header('cache-control', 'private, no-store')
    c.header('x-content-type-options', 'nosniff')
    await next()
  }
}

async function authenticate(accounts: Accounts, authorization: string | undefined): Promise<ApiKey> {
  const key = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
  if (key === undefined) throw new Fault('unauthorized', 'Send your key: "Authorization: Bearer pa_live_…".')
  if (!isApiKey(key)) throw new Fault('unauthorized', 'That is not a whole key: its last characters do not match.')
  const known = await accounts.apiKey(hashApiKey(key))
  if (known === undefined) throw new Fault('unauthorized', 'There is no such key.')
  return known
}
