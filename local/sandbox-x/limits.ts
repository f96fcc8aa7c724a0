/** X's limits, and a meter which counts against one of them in any of the three ways a window can run. */

/** Which window X uses is not documented; a sender must be right under all three. */
export type WindowKind = 'anchored' | 'sliding' | 'clock'

export interface Limit {
  limit: number
  windowMs: number
}

export interface Limits {
  dmSend: Limit
  dmSendUserDay: Limit
  /** Shared by every account of the app. */
  dmSendAppDay: Limit
  /** X's own cap on an account over all its devices. Always sliding, and in no header. */
  accountDay: Limit
  dmEvents: Limit
  followers: Limit
  retweetedBy: Limit
  quoteTweets: Limit
  users: Limit
  me: Limit
}

export type LimitName = keyof Limits

const window15Ms = 15 * 60_000
const dayMs = 24 * 3_600_000
const window15 = (limit: number): Limit => ({ limit, windowMs: window15Ms })
const day = (limit: number): Limit => ({ limit, windowMs: dayMs })

export const xLimits: Limits = {
  dmSend: window15(15),
  dmSendUserDay: day(1440),
  dmSendAppDay: day(1440),
  accountDay: day(500),
  dmEvents: window15(15),
  followers: window15(300),
  retweetedBy: window15(75),
  quoteTweets: window15(75),
  users: window15(300),
  me: window15(75),
}

export interface Reading {
  limit: number
  remaining: number
  /** When quota comes back. */
  resetAtMs: number
}

export interface Meter {
  read(now: number): Reading
  spend(now: number): void
}

export function createMeter({ limit, windowMs }: Limit, kind: WindowKind): Meter {
  return kind === 'sliding' ? slidingMeter(limit, windowMs) : fixedMeter(limit, windowMs, kind === 'clock')
}

function slidingMeter(limit: number, windowMs: number): Meter {
  const spent: number[] = []
  const forget = (now: number): void => {
    while (spent.length > 0 && spent[0]! + windowMs <= now) spent.shift()
  }
  return {
    read(now) {
      forget(now)
      return { limit, remaining: limit - spent.length, resetAtMs: (spent[0] ?? now) + windowMs }
    },
    spend(now) {
      forget(now)
      spent.push(now)
    },
  }
}

/** One window after the other: begun by the first call in it, or aligned to the clock. */
function fixedMeter(limit: number, windowMs: number, aligned: boolean): Meter {
  let startedAt = Number.NEGATIVE_INFINITY
  let used = 0
  const roll = (now: number): void => {
    if (now < startedAt + windowMs) return
    startedAt = aligned ? Math.floor(now / windowMs) * windowMs : now
    used = 0
  }
  return {
    read(now) {
      const over = now >= startedAt + windowMs
      if (over && !aligned) return { limit, remaining: limit, resetAtMs: now + windowMs }
      roll(now)
      return { limit, remaining: limit - used, resetAtMs: startedAt + windowMs }
    },
    spend(now) {
      roll(now)
      used += 1
    },
  }
}
