/**
 * An account's access token, refreshed ahead of its expiry by one caller at a time: X's refresh tokens are
 * single-use, so a second refresh in parallel would lose the account.
 */
import { randomBytes } from 'node:crypto'
import { log, reasonOf } from '../log.ts'
import type { Accounts } from '../table/accounts.ts'
import type { Clock } from './clock.ts'
import type { Vault } from './vault.ts'
import type { X } from './x.ts'

export interface Tokens {
  accessToken: string
  refreshToken: string
}

export type AccessOutcome =
  | { kind: 'token'; accessToken: string; version: number; refreshed: boolean }
  /** Somebody is refreshing, or X cannot be reached: try again after this much wall time. */
  | { kind: 'wait'; waitMs: number }
  /** No token, or X does not take it any more: the account must be connected again. */
  | { kind: 'reconnect'; detail: string }

/** Refreshed this long before expiry (campaign time). */
const aheadMs = 10 * 60_000
const lockMs = 20_000
const waitMs = 2_000

export interface AccessDeps {
  accounts: Accounts
  vault: Vault
  x: X
  clock: Clock
}

export function createAccess({ accounts, vault, x, clock }: AccessDeps) {
  const opened = new Map<string, { version: number; tokens: Tokens }>()

  const context = (ws: string, account: string) => ({ ws, account })

  async function open(ws: string, account: string, sealed: string, version: number): Promise<Tokens> {
    const known = opened.get(account)
    if (known?.version === version) return known.tokens
    const tokens = JSON.parse(await vault.open(sealed, context(ws, account))) as Tokens
    opened.set(account, { version, tokens })
    return tokens
  }

  return {
    /** Keeps first tokens, or those of a refresh; `was` is the version they replace. */
    async store(ws: string, account: string, tokens: Tokens, expiresInMs: number, was: number) {
      const sealed = await vault.seal(JSON.stringify(tokens), context(ws, account))
      return accounts.putToken(account, { sealed, expiresAt: clock.campaign() + expiresInMs }, was)
    },

    async token(ws: string, account: string): Promise<AccessOutcome> {
      const stored = await accounts.token(account)
      if (!stored) return { kind: 'reconnect', detail: 'no token' }
      if (stored.reconnect) return { kind: 'reconnect', detail: 'X did not take the last refresh' }
      const { version } = stored
      const tokens = await open(ws, account, stored.sealed, version).catch((error: unknown) => {
        log('error', 'access.unreadable', { account, reason: reasonOf(error) })
        return undefined
      })
      if (!tokens) return { kind: 'reconnect', detail: 'the stored tokens do not open with this key' }
      if (stored.expiresAt - clock.campaign() > aheadMs)
        return { kind: 'token', accessToken: tokens.accessToken, version, refreshed: false }
      const now = clock.wall()
      if ((await accounts.lockRefresh(account, version, now, now + lockMs)) === 'busy') return { kind: 'wait', waitMs }
      const outcome = await x.refresh(tokens.refreshToken)
      if (outcome.kind === 'refreshed') {
        await this.store(ws, account, outcome, outcome.expiresInMs, version)
        return { kind: 'token', accessToken: outcome.accessToken, version: version + 1, refreshed: true }
      }
      if (outcome.kind === 'not_done') return { kind: 'wait', waitMs }
      // A lost answer may have used the single-use refresh token up: a person decides, not a second call.
      await accounts.markReconnect(account, version)
      return { kind: 'reconnect', detail: outcome.detail }
    },
  }
}

export type Access = ReturnType<typeof createAccess>

/** The workspace-independent secret behind stop tokens, made once and sealed in the directory. */
export async function stopSecret(accounts: Accounts, vault: Vault): Promise<string> {
  const about = { secret: 'stop' }
  for (;;) {
    const sealed = await accounts.secret('stop')
    if (sealed) return vault.open(sealed, about)
    await accounts.putSecret('stop', await vault.seal(randomBytes(32).toString('base64url'), about))
  }
}
