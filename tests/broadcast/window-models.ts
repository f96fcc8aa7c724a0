/**
 * X's limits as they might be kept, and a simulation of one account sending against them in no real time.
 * Nobody outside X knows whether its windows slide, begin with the first request, or follow the clock: a pace has to
 * hold under all three.
 */
import type { LimitHeader, XLimits } from '../../shared/broadcast/limits.ts'
import { afterRefusal, afterSend, earliest, lookback, newPacer } from '../../shared/broadcast/pacer.ts'

export const windowKinds = ['sliding', 'anchored', 'clock_aligned'] as const
export type WindowKind = (typeof windowKinds)[number]

export interface WindowModel {
  /** One request at `atMs`: counted when there is room, refused and not counted otherwise. */
  request(atMs: number): boolean
  header(atMs: number): LimitHeader
}

export function windowModel(kind: WindowKind, limit: number, windowMs: number): WindowModel {
  let counted: number[] = []
  let beganAtMs = Number.NEGATIVE_INFINITY
  const roll = (atMs: number) => {
    if (kind === 'sliding') {
      counted = counted.filter((t) => t > atMs - windowMs)
      beganAtMs = counted[0] ?? atMs
    } else if (atMs >= beganAtMs + windowMs) {
      counted = []
      beganAtMs = kind === 'anchored' ? atMs : Math.floor(atMs / windowMs) * windowMs
    }
  }
  return {
    request(atMs) {
      roll(atMs)
      if (counted.length >= limit) return false
      counted.push(atMs)
      return true
    },
    header(atMs) {
      roll(atMs)
      const resetAtMs = Math.ceil((beganAtMs + windowMs) / 1000) * 1000
      return { limit, remaining: limit - counted.length, resetAtMs }
    },
  }
}

/** A way of choosing when to send next, told of every answer. */
export interface Pace {
  nextAt(nowMs: number): number
  answered(atMs: number, refused: boolean, limits: XLimits): void
}

/** The real pacer, with the ring of answer times that the table keeps for it. */
export function pacerPace({ accountDay: keepsAccountDay = true } = {}): Pace {
  let state = newPacer
  const ring = new Map<number, number>()
  const ringAt = (index: number | undefined) => (index === undefined ? undefined : ring.get(index))
  return {
    nextAt(nowMs) {
      const { userDay, accountDay } = lookback(state)
      const oldest = { userDay: ringAt(userDay), accountDay: keepsAccountDay ? ringAt(accountDay) : undefined }
      return earliest(state, oldest, nowMs).atMs
    },
    answered(atMs, refused, limits) {
      if (!refused) ring.set(state.count, atMs)
      state = refused ? afterRefusal(state, atMs, limits) : afterSend(state, atMs, limits)
    },
  }
}

/** What a simpler sender does: one every `everyMs`, come what may. */
export function evenPace(everyMs: number): Pace {
  let next = 0
  return {
    nextAt: (nowMs) => {
      next = next === 0 ? nowMs : next + everyMs
      return Math.max(nowMs, next)
    },
    answered: () => {},
  }
}

export interface Simulation {
  pace: Pace
  window15: WindowModel
  /** Limits that answer 429 without a word about themselves. */
  silent?: WindowModel[]
  fromMs: number
  toMs: number
  /** A number in [0, 1) that varies: latencies are drawn from it. */
  random: () => number
  longestLatencyMs?: number
  /** Whether X's answers carry the 15-minute headers. */
  headers?: boolean
  /** When somebody else sends from the same account, in order. */
  outside?: number[]
  /** Stretches in which the operator has paused, in order. */
  paused?: [fromMs: number, toMs: number][]
}

export interface SimulationResult {
  /** When X counted each message of ours, and when we had the answer. */
  counted: number[]
  answered: number[]
  refusedAt: number[]
}

export function simulate(s: Simulation): SimulationResult {
  const result: SimulationResult = { counted: [], answered: [], refusedAt: [] }
  const outside = [...(s.outside ?? [])]
  const longest = s.longestLatencyMs ?? 800
  const windows = [s.window15, ...(s.silent ?? [])]
  for (let now = s.fromMs; now < s.toMs; ) {
    const at = unpaused(Math.max(now, s.pace.nextAt(now)), s.paused)
    if (at >= s.toMs) break
    const arrives = at + 20 + s.random() * longest * 0.5
    while (outside[0] !== undefined && outside[0] <= arrives) s.window15.request(outside.shift() as number)
    const refused = !windows.every((w) => w.request(arrives))
    now = arrives + 20 + s.random() * longest * 0.5
    s.pace.answered(now, refused, s.headers === false ? {} : { window15: s.window15.header(arrives) })
    if (refused) result.refusedAt.push(arrives)
    else result.counted.push(arrives)
    if (!refused) result.answered.push(now)
  }
  return result
}

function unpaused(atMs: number, paused: [number, number][] = []): number {
  for (const [from, to] of paused) if (atMs >= from && atMs < to) return to
  return atMs
}

/** The most entries of a sorted list within any stretch of `windowMs`. */
export function mostWithin(times: number[], windowMs: number): number {
  let most = 0
  for (let first = 0, last = 0; last < times.length; last++) {
    while ((times[last] as number) - (times[first] as number) >= windowMs) first++
    most = Math.max(most, last - first + 1)
  }
  return most
}

/** Seeded numbers in [0, 1), the same on every run. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
