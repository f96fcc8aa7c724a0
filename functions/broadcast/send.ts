/**
 * One turn of an account: at most one message, at the pace X allows, to a person nobody has written to in this
 * campaign. Claim, send, receipt; a crash between them leaves an `unknown`, never a second message.
 */
import type { SQSEvent } from 'aws-lambda'
import { env } from '../../shared/env.ts'
import { createAccess, stopSecret } from '../../shared/ports/access.ts'
import { clockFromEnv } from '../../shared/ports/clock.ts'
import { createQueue, type TurnMessage } from '../../shared/ports/queue.ts'
import { createVault } from '../../shared/ports/vault.ts'
import { createX } from '../../shared/ports/x.ts'
import { createAccounts } from '../../shared/table/accounts.ts'
import { createCampaigns } from '../../shared/table/campaigns.ts'
import { createTable } from '../../shared/table/client.ts'
import { createRecipients } from '../../shared/table/recipients.ts'
import { createTurns } from '../../shared/table/turns.ts'
import { createSend } from './send/turn.ts'

async function wire() {
  const table = createTable()
  const clock = clockFromEnv()
  const accounts = createAccounts(table)
  const vault = createVault(env.vault())
  const [xApiUrl, timeoutMs] = [env.xApiUrl(), env.xTimeoutMs()]
  const [clientId, clientSecret] = [env.xClientId() ?? 'sandbox', env.xClientSecret()]
  const x = createX({ baseUrl: xApiUrl, clientId, clientSecret, timeoutMs })
  return createSend({
    campaigns: createCampaigns(table),
    recipients: createRecipients(table),
    turns: createTurns(table),
    accounts,
    access: createAccess({ accounts, vault, x, clock }),
    x,
    queue: createQueue(),
    clock,
    stopSecret: await stopSecret(accounts, vault),
    publicUrl: env.publicUrl(),
    xApiUrl,
    timeoutMs,
  })
}

let wired: ReturnType<typeof wire> | undefined

export const handler = async (event: SQSEvent): Promise<void> => {
  wired ??= wire().catch((error: unknown) => {
    wired = undefined
    throw error
  })
  const send = await wired
  for (const record of event.Records) await send(JSON.parse(record.body) as TurnMessage)
}
