/** Names for things: `newId` sorts by time of making, `newSlug` cannot be guessed, `newApiKey` checks itself. */
import { createHash, randomInt } from 'node:crypto'
import { crc32 } from 'node:zlib'

const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

function encode(value: number, length: number): string {
  let text = ''
  for (let rest = value, i = 0; i < length; i++) {
    text = base62[rest % 62] + text
    rest = Math.floor(rest / 62)
  }
  return text
}

function random(length: number): string {
  let text = ''
  for (let i = 0; i < length; i++) text += base62[randomInt(62)]
  return text
}

export type IdPrefix = 'ws' | 'acc' | 'cmp' | 'lnk' | 'key' | 'att' | 'req' | 'evt'

/** `cmp_` and 20 base62 characters; ids made later sort later (to the millisecond). */
export function newId(prefix: IdPrefix, now: number = Date.now()): string {
  return `${prefix}_${encode(now, 8)}${random(12)}`
}

/** 10 base62 characters from the system's generator: 59 bits, for links that are personal. */
export function newSlug(): string {
  return random(10)
}

const keyPrefix = 'pa_live_'

/** `pa_live_`, 30 base62 characters and 6 of their CRC32: a mistyped key is refused without a read. */
export function newApiKey(): string {
  const body = random(30)
  return keyPrefix + body + encode(crc32(body), 6)
}

export function isApiKey(text: string): boolean {
  if (!/^pa_live_[0-9A-Za-z]{36}$/.test(text)) return false
  const body = text.slice(keyPrefix.length, -6)
  return text.endsWith(encode(crc32(body), 6))
}

/** What is stored of a key: its SHA-256, in hex. */
export function hashApiKey(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}
