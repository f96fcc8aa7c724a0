/**
 * The visitor hash's salt of each UTC day of the campaign clock: made by whoever needs it first, read by all, deleted
 * after the day.
 *
 *     const salts = createSalts({ client, table: env.table('ephemera'), clock })
 *     visitorHash(await salts.of(t), host, ip, userAgent)
 *
 * When the table cannot be reached, this process goes on with a salt of its own and asks again 5 s later: a visitor
 * may then count twice that day, which is better than a link that does not open.
 */
import { randomBytes } from 'node:crypto'
import { log, reasonOf } from '../log.ts'
import type { Clock } from '../ports/clock.ts'
import { dayOf, keys } from './keys.ts'
import type { SignedClient } from './signed.ts'

export interface Salts {
  of(t: number): Promise<string>
}

export interface SaltsOptions {
  client: Pick<SignedClient, 'getItem' | 'putItem'>
  table: string
  clock: Clock
}

const dayMs = 86_400_000
const hourMs = 3_600_000
const againMs = 5_000

export function createSalts({ client, table, clock }: SaltsOptions): Salts {
  // One day at a time: yesterday's salt must not outlive its day in memory either.
  let known: { day: number; salt: Promise<string>; untilWall: number } | undefined

  return {
    of(t) {
      const day = Math.floor(t / dayMs)
      if (known?.day === day && known.untilWall > clock.wall()) return known.salt
      const fallback = known?.day === day ? known.salt : undefined
      const entry = { day, salt: Promise.resolve(''), untilWall: Number.POSITIVE_INFINITY }
      entry.salt = shared(day).catch((error: unknown) => {
        log('warn', 'salt.unreachable', { reason: reasonOf(error) })
        entry.untilWall = clock.wall() + againMs
        return fallback ?? newSalt()
      })
      known = entry
      return entry.salt
    },
  }

  async function shared(day: number): Promise<string> {
    const key = keys.salt(dayOf(day * dayMs))
    const found = await client.getItem(table, key)
    if (found) return String(found.salt)
    const salt = newSalt()
    const outcome = await client.putItem(table, { ...key, salt, ttl: expiry(day) } as typeof key, { ifAbsent: true })
    if (outcome === 'stored') return salt
    return String((await client.getItem(table, key))?.salt)
  }

  /** An hour after the day's end, in wall seconds: campaign time may run faster than the wall. */
  function expiry(day: number): number {
    const leftMs = Math.max(0, (day + 1) * dayMs - clock.campaign())
    return Math.ceil((clock.wall() + clock.wallMs(leftMs) + hourMs) / 1000)
  }
}

const newSalt = (): string => randomBytes(32).toString('base64url')
