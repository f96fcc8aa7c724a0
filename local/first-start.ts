/** What a folder gets when it is new: a workspace, an API key, and the X account that sends. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hashApiKey, newApiKey, newId } from '../shared/id.ts'
import { type Access, createAccess, type Tokens } from '../shared/ports/access.ts'
import type { Clock } from '../shared/ports/clock.ts'
import { createVault } from '../shared/ports/vault.ts'
import { createX } from '../shared/ports/x.ts'
import { type Accounts, createAccounts } from '../shared/table/accounts.ts'
import { createTable } from '../shared/table/client.ts'
import { StartError } from './dynamo.ts'
import type { ServerOptions } from './options.ts'

export interface FirstStart {
  ws: string
  /** The key in the clear, from the folder's 0600 file; the table knows its hash alone. */
  apiKey: string
  accountHandle: string
}

/** Reads what is there, makes what is not; safe to repeat after a crash in the middle. */
export async function firstStart(options: ServerOptions, clock: Clock, xUrl: string): Promise<FirstStart> {
  const accounts = createAccounts(createTable())
  const ws = await workspace(options.dataDir, accounts)
  const apiKey = await key(options.dataDir, accounts, ws)
  const accountHandle = await account(options, accounts, clock, ws, xUrl)
  return { ws, apiKey, accountHandle }
}

/** The text of a file in the folder, written with `make()` when it is not there yet. */
function kept(file: string, make: () => string): string {
  if (!existsSync(file)) writeFileSync(file, make(), { mode: 0o600, flag: 'wx' })
  return readFileSync(file, 'utf8').trim()
}

async function workspace(dataDir: string, accounts: Accounts): Promise<string> {
  const ws = kept(join(dataDir, 'workspace'), () => newId('ws'))
  await unlessThere(accounts.createWorkspace(ws, 'Home', Date.now()))
  return ws
}

async function key(dataDir: string, accounts: Accounts, ws: string): Promise<string> {
  const apiKey = kept(join(dataDir, 'api-key'), newApiKey)
  const record = { ws, id: newId('key'), name: 'First key', scopes: ['*'], createdAtWall: Date.now() }
  await unlessThere(accounts.putApiKey(hashApiKey(apiKey), record))
  return apiKey
}

async function unlessThere(put: Promise<void>): Promise<void> {
  await put.catch((error: { name?: string }) => {
    if (error.name !== 'ConditionalCheckFailedException') throw error
  })
}

async function account(
  options: ServerOptions,
  accounts: Accounts,
  clock: Clock,
  ws: string,
  xUrl: string,
): Promise<string> {
  const known = await accounts.accounts(ws)
  const id = kept(join(options.dataDir, options.credentials ? 'account-x' : 'account-sandbox'), () => newId('acc'))
  const here = known.find((one) => one.id === id)
  if (here) return here.handle
  const vault = createVault({ keyFile: join(options.dataDir, 'vault.key') })
  const { clientId = 'sandbox', clientSecret } = options.credentials ?? {}
  const x = createX({ baseUrl: xUrl, clientId, clientSecret, timeoutMs: 10_000 })
  const access = createAccess({ accounts, vault, x, clock })
  await connect(options, access, ws, id, xUrl)
  const token = await access.token(ws, id)
  const me = token.kind === 'token' ? await x.me(token.accessToken) : undefined
  if (me?.kind !== 'me') throw new StartError(notConnected(token.kind === 'reconnect' ? token.detail : 'no answer'))
  await accounts.putAccount({ ws, id, xUserId: me.id, handle: me.handle, createdAtWall: Date.now() })
  return me.handle
}

/** First tokens: the configured ones (refreshed before first use), or sandbox X's. */
async function connect(options: ServerOptions, access: Access, ws: string, id: string, xUrl: string): Promise<void> {
  if (options.credentials) {
    const tokens: Tokens = { accessToken: '', refreshToken: options.credentials.refreshToken }
    await access.store(ws, id, tokens, 0, 0)
    return
  }
  const response = await fetch(`${xUrl}/sandbox/connect`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  })
  if (!response.ok) throw new StartError(`Sandbox X at ${xUrl} does not answer as one (status ${response.status}).`)
  const granted = (await response.json()) as { access_token: string; refresh_token: string; expires_in: number }
  const tokens = { accessToken: granted.access_token, refreshToken: granted.refresh_token }
  await access.store(ws, id, tokens, granted.expires_in * 1000, 0)
}

const notConnected = (detail: string) =>
  `X did not accept the account's credentials (${detail}).\n` +
  'Check X_CLIENT_ID and X_CLIENT_SECRET, and give a fresh X_REFRESH_TOKEN: each can be used once (docs/x-account.md).'
