/**
 * Where a relay button leads: the address each channel documents for a prefilled post. Opening one proves nothing,
 * so a press is counted before.
 */
import type { RelayChannel } from '../facts.ts'

export interface Intent {
  /** What the relayer edited, without their link. */
  text: string
  /** Their relay link. */
  url: string
  /** The operator's own post on X; needed to repost. */
  postId?: string | undefined
  /** Who asked: the subject of an e-mail. */
  sender: string
}

/** `undefined` for a channel that opens nothing: copying, or reposting without a post. */
export function intentHref(channel: RelayChannel, { text, url, postId, sender }: Intent): string | undefined {
  const whole = `${text} ${url}`.trim()
  switch (channel) {
    case 'x':
      return `https://x.com/intent/tweet?${query({ text, url })}`
    case 'x_repost':
      return postId && `https://x.com/intent/retweet?${query({ tweet_id: postId })}`
    case 'bluesky':
      return `https://bsky.app/intent/compose?${query({ text: whole })}`
    case 'linkedin':
      return `https://www.linkedin.com/sharing/share-offsite/?${query({ url })}`
    case 'whatsapp':
      return `https://wa.me/?${query({ text: whole })}`
    case 'email':
      return `mailto:?${query({ subject: sender, body: `${text}\r\n\r\n${url}` })}`
    case 'copy':
      return undefined
  }
}

/** Spaces as %20: mail programs show a plus sign as it is. */
function query(fields: Record<string, string>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`)
    .join('&')
}
