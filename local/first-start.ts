/** What a folder gets when it is new: a workspace, an API key, and the X account that sends. */
import { hash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { env } from '../shared/env.ts'
import { hashApiKey, newApiKey, newId } from '../shared/id.ts'
import { type Access, createAccess, type Tokens } from '../shared/ports/access.ts'
import type { Clock } from '../shared/ports/clock.ts'
import { createVault } from '../shared/ports/vault.ts'
import { createX } from '../shared/ports/x.ts'
import { type Accounts, createAccounts } from '../shared/table/accounts.ts'
import { createTable } from '../shared/table/client.ts'
import { StartError } from './dynamo.ts'
import type { ServerOptions } from './options.ts'
import { writeWhole } from './write-whole.ts'

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
  if (!existsSync(file)) writeWhole(file, make())
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
  const name = join(options.dataDir, options.credentials ? 'account-x' : 'account-sandbox')
  const id = kept(name, () => newId('acc'))
  const vault = createVault(env.vault())
  const { clientId = 'sandbox', clientSecret } = options.credentials ?? {}
  const x = createX({ baseUrl: xUrl, clientId, clientSecret, timeoutMs: 10_000 })
  const access = createAccess({ accounts, vault, x, clock })
  const fresh = await connect({ options, accounts, access, ws, id, xUrl, mark: `${name}.token` })
  const here = (await accounts.accounts(ws)).find((one) => one.id === id)
  if (here && !fresh) return here.handle
  const token = await access.token(ws, id)
  if (token.kind === 'reconnect') throw new StartError(notConnected(token.detail))
  const me = token.kind === 'token' ? await x.me(token.accessToken) : undefined
  if (me?.kind !== 'me') throw new StartError(`X at ${xUrl} does not answer. Check the network, and start again.`)
  await accounts.putAccount({ ws, id, xUserId: me.id, handle: me.handle, createdAtWall: Date.now() })
  return me.handle
}

interface Connect {
  options: ServerOptions
  accounts: Accounts
  access: Access
  ws: string
  id: string
  xUrl: string
  /** Remembers, by its hash, which configured refresh token was taken over: each can be used once. */
  mark: string
}

/** Takes over first tokens, or a newly configured one; says whether it did. */
async function connect({ options, accounts, access, ws, id, xUrl, mark }: Connect): Promise<boolean> {
  const stored = await accounts.token(id)
  const refreshToken = options.credentials?.refreshToken
  const wanted = hash('sha256', refreshToken ?? xUrl)
  const known = existsSync(mark) ? readFileSync(mark, 'utf8') : ''
  if (stored && (refreshToken === undefined || wanted === known)) return false
  const was = stored?.version ?? 0
  if (refreshToken !== undefined) {
    const outcome = await access.store(ws, id, { accessToken: '', refreshToken }, 0, was)
    if (outcome === 'changed') throw new StartError('The account was being refreshed just now. Start again.')
  } else {
    const granted = await grantOf(xUrl)
    const tokens: Tokens = { accessToken: granted.access_token, refreshToken: granted.refresh_token }
    await access.store(ws, id, tokens, granted.expires_in * 1000, was)
  }
  writeWhole(mark, wanted)
  return true
}

async function grantOf(xUrl: string) {
  try {
    const headers = { 'content-type': 'application/json' }
    const signal = AbortSignal.timeout(10_000)
    const response = await fetch(`${xUrl}/sandbox/connect`, { method: 'POST', headers, body: '{}', signal })
    if (!response.ok) throw new Error(`status ${response.status}`)
    return (await response.json()) as { access_token: string; refresh_token: string; expires_in: number }
  } catch (error) {
    throw new StartError(
      `X_API_URL=${xUrl} does not answer as a sandbox X (${(error as Error).message}).\n` +
        'Unset it to have one started, or start yours: node local/sandbox-x.ts --port 4100',
    )
  }
}

const notConnected = (detail: string) =>
  `X did not accept the account's credentials (${detail}).\n` +
  'Check X_CLIENT_ID and X_CLIENT_SECRET, and give a fresh X_REFRESH_TOKEN: each can be used once (docs/x-account.md).'
