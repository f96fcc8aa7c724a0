/**
 * The token of "don't ask me again": names a person to their workspace's suppression list and to nothing else. It
 * travels in the address of the message's link (`/{slug}.{token}`), is stored with no link and no hit, and lasts longer
 * than any link.
 */
import { createHmac } from 'node:crypto'

/** 22 base64url characters (128 bits) of HMAC-SHA256 over workspace and X id. */
export function stopToken(secret: string, ws: string, xUserId: string): string {
  return createHmac('sha256', secret).update(`${ws}\n${xUserId}`).digest('base64url').slice(0, 22)
}
