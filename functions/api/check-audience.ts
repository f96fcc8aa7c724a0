/**
 * Before a campaign is launched: is there anyone to write to, and can the message be written to each of them? A value
 * somebody lacks is found here, not in the middle of the sending.
 */
import { renderMessage } from '../../shared/broadcast/message.ts'
import type { Campaign, Recipient } from '../../shared/facts.ts'
import { Fault, type FieldError } from '../../shared/fault.ts'
import type { Recipients } from '../../shared/table/recipients.ts'

const page = 200
/** As long as a personal link with its stop token. */
const sampleLink = `${'0'.repeat(10)}.${'0'.repeat(22)}`
const mostNamed = 5

export async function checkAudience(recipients: Recipients, campaign: Campaign, publicUrl: string): Promise<void> {
  const errors: FieldError[] = []
  let pending = 0
  for await (const recipient of all(recipients, campaign)) {
    if (recipient.status !== 'pending') continue
    pending++
    const detail = whyUnwritable(campaign, recipient, `${publicUrl}/${sampleLink}`)
    if (detail) errors.push({ field: `recipient ${recipient.ordinal}, @${recipient.handle}`, detail })
    if (errors.length === mostNamed) break
  }
  if (errors.length > 0) throw new Fault('unprocessable', 'The message cannot be written to everybody.', errors)
  if (pending === 0) throw new Fault('unprocessable', 'Nobody to write to: no recipient is pending. Add some first.')
}

async function* all(recipients: Recipients, { ws, id }: Campaign): AsyncGenerator<Recipient> {
  for (let rows = await recipients.list(ws, id, 0, page); rows.length > 0; ) {
    yield* rows
    rows = await recipients.list(ws, id, rows.at(-1)!.ordinal, page)
  }
}

function whyUnwritable(campaign: Campaign, recipient: Recipient, link: string): string | undefined {
  const { name, handle, followers, segments } = recipient
  try {
    renderMessage(campaign.message, { name, handle, followers, lang: segments.lang, sender: campaign.sender, link })
    return undefined
  } catch (error) {
    if (error instanceof Fault) return error.message
    throw error
  }
}
