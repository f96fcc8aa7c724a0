/** What the API is made of, and what each request carries. */
import type { Clock } from '../../shared/ports/clock.ts'
import type { Queue } from '../../shared/ports/queue.ts'
import type { Accounts, ApiKey } from '../../shared/table/accounts.ts'
import type { Campaigns } from '../../shared/table/campaigns.ts'
import type { Links } from '../../shared/table/links.ts'
import type { Recipients } from '../../shared/table/recipients.ts'
import type { Totals } from '../../shared/table/totals.ts'
import type { Turns } from '../../shared/table/turns.ts'

export interface ApiDeps {
  campaigns: Campaigns
  recipients: Recipients
  links: Links
  accounts: Accounts
  totals: Totals
  turns: Turns
  queue: Queue
  clock: Clock
  publicUrl: string
  xApiUrl: string
  /** The secret behind stop tokens, opened when it is first needed. */
  stopSecret(): Promise<string>
}

export interface ApiEnv {
  Variables: {
    requestId: string
    /** @throws Fault unauthorized unless the header holds a key that exists. */
    authenticate: (authorization: string | undefined) => Promise<ApiKey>
    /** The workspace of the caller's key: nothing outside it can be named, read or changed. */
    ws: string
  }
}
