import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  afterRefusal,
  afterSend,
  budgets,
  earliest,
  etaMs,
  lookback,
  marginMs,
  newPacer,
  type PacerState,
} from '../../shared/broadcast/pacer.ts'
import { evenPace, mostWithin, pacerPace, seeded, simulate, windowKinds, windowModel } from './window-models.ts'

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour
const { limit, windowMs } = budgets.user15min
const start = Date.UTC(2026, 10, 24, 9, 7, 13)

/** Sends answered at these times, one after the other. */
const sends = (...times: number[]): PacerState => times.reduce((state, at) => afterSend(state, at), newPacer)
const everyMinute = (n: number) => Array.from({ length: n }, (_, i) => start + i * minute)

describe('earliest', () => {
  const full = sends(...everyMinute(15))
  it.each([
    ['the first send goes at once', newPacer, {}, start, start, 'spread'],
    ['the second waits its share of the window', sends(start), {}, start, start + minute, 'spread'],
    [
      'the 16th waits for the 1st to leave',
      full,
      {},
      start + 14 * minute,
      start + 15 * minute + marginMs,
      'user_15min',
    ],
    ['a time that has passed is now', sends(start), {}, start + hour, start + hour, 'spread'],
    ['500 a day', full, { accountDay: start }, start + hour, start + day + marginMs, 'account_day'],
    [
      '1,440 a day',
      full,
      { userDay: start + 1, accountDay: start },
      start + hour,
      start + day + marginMs + 1,
      'user_24h',
    ],
    ['X says later', { ...full, blockedUntilMs: start + hour }, {}, start, start + hour, 'x_says'],
  ] as const)('%s', (_, state, oldest, now, atMs, because) => {
    expect(earliest(state, oldest, now)).toEqual({ atMs, because })
  })

  it('names the earlier sends it looks back to', () => {
    expect(lookback({ ...newPacer, count: 499 })).toEqual({ userDay: undefined, accountDay: undefined })
    expect(lookback({ ...newPacer, count: 1440 })).toEqual({ userDay: 0, accountDay: 940 })
    expect(lookback({ ...newPacer, count: 1440, limitDay: 1000 })).toEqual({ userDay: 440, accountDay: 940 })
  })
})

describe('afterSend', () => {
  it('keeps a state that survives JSON and stays small', () => {
    const state = sends(...everyMinute(100))
    expect(JSON.parse(JSON.stringify(state))).toEqual(state)
    expect(state.recent).toHaveLength(15)
    expect(JSON.stringify(state).length).toBeLessThan(500)
  })

  it('begins a new run after a window of silence, and not before', () => {
    const soon = sends(start, start + windowMs)
    expect([soon.runFrom, soon.runAtMs]).toEqual([0, start])
    const late = sends(start, start + windowMs + 1)
    expect([late.runFrom, late.runAtMs]).toEqual([1, start + windowMs + 1])
    expect(earliest(late, {}, late.runAtMs).atMs).toBe(late.runAtMs + minute)
  })

  it('takes a lower limit from X, gives it up when X does, and never takes a higher one', () => {
    const reset = start + windowMs
    const lowered = afterSend(newPacer, start, { window15: { limit: 5, remaining: 4, resetAtMs: reset } })
    expect(lowered.limit15).toBe(5)
    expect(earliest(lowered, {}, start).atMs).toBe(start + 3 * minute)
    expect(afterSend(lowered, start + 3 * minute).limit15).toBe(5)
    expect(afterSend(lowered, start + 1, { window15: { limit: 300, remaining: 298, resetAtMs: reset } }).limit15).toBe(
      15,
    )
    expect(afterSend(newPacer, start, { userDay: { limit: 200, remaining: 9, resetAtMs: reset } }).limitDay).toBe(200)
  })

  it('reads use from elsewhere out of `remaining`, waits for the reset and spreads anew', () => {
    const resetAtMs = start + 10 * minute
    const alone = afterSend(newPacer, start, { window15: { limit: 15, remaining: 14, resetAtMs } })
    expect(alone.blockedUntilMs).toBeUndefined()
    const shared = afterSend(newPacer, start, { window15: { limit: 15, remaining: 13, resetAtMs } })
    expect(earliest(shared, {}, start)).toEqual({ atMs: resetAtMs + marginMs, because: 'x_says' })
    const resumed = afterSend(shared, resetAtMs + second)
    expect(earliest(resumed, {}, resetAtMs + second).atMs).toBe(resetAtMs + second + minute)
  })

  it('does not mistake its own send, counted by X just before the answer, for use from elsewhere', () => {
    const state = sends(start, start + 14 * minute)
    const now = start + windowMs + 5 * second
    const limits = { window15: { limit: 15, remaining: 12, resetAtMs: now + minute } }
    expect(afterSend(state, now, limits).blockedUntilMs).toBeUndefined()
  })

  it.each(['userDay', 'appDay'] as const)('waits when nothing is left of %s', (name) => {
    const state = afterSend(newPacer, start, { [name]: { limit: 1440, remaining: 0, resetAtMs: start + 5 * hour } })
    expect(earliest(state, {}, start)).toEqual({ atMs: start + 5 * hour + marginMs, because: 'x_says' })
  })

  it('believes no reset further away than its window', () => {
    const state = afterSend(newPacer, start, { window15: { limit: 15, remaining: 0, resetAtMs: start + day } })
    expect(state.blockedUntilMs).toBe(start + windowMs + marginMs)
  })
})

describe('afterRefusal', () => {
  const none = (resetAtMs: number) => ({ limit: 15, remaining: 0, resetAtMs })
  it.each([
    ['the reset X names', { window15: none(start + 5 * minute) }, start + 5 * minute],
    [
      'that reset even when it claims some are left',
      { window15: { ...none(start + minute), remaining: 9 } },
      start + minute,
    ],
    ['the later of two', { window15: none(start + minute), userDay: none(start + hour) }, start + hour],
    ['the day alone', { appDay: none(start + hour) }, start + hour],
    ['a whole window when X names none', {}, start + windowMs],
    ['a whole window when the reset has passed', { window15: none(start - second) }, start + windowMs],
  ])('waits for %s', (_, limits, untilMs) => {
    const state = afterRefusal(sends(start), start, limits)
    expect(earliest(state, {}, start)).toEqual({ atMs: untilMs + marginMs, because: 'x_says' })
    expect(state.count).toBe(1)
    const next = afterSend(state, untilMs + second)
    expect(earliest(next, {}, untilMs + second).atMs).toBe(untilMs + second + minute)
  })
})

describe('two days of sending', () => {
  const twoDays = { fromMs: start, toMs: start + 2 * day }
  const allowed = (2 * day * limit) / windowMs
  /** Without the 500 a day, which would hide the 15-minute rule behind it. */
  const unhindered = () => pacerPace({ accountDay: false })
  const x = (kind: (typeof windowKinds)[number]) => windowModel(kind, limit, windowMs)

  it.each(windowKinds.flatMap((kind) => [1, 2, 3].map((seed) => [kind, seed] as const)))(
    '%s windows, seed %i: at least 99.5 % of the allowed rate and no 429, with and without headers',
    (kind, seed) => {
      for (const headers of [true, false]) {
        const run = simulate({ ...twoDays, pace: unhindered(), window15: x(kind), random: seeded(seed), headers })
        expect(run.refusedAt).toEqual([])
        expect(run.counted.length / allowed).toBeGreaterThanOrEqual(0.995)
        expect(mostWithin(run.answered, windowMs)).toBeLessThanOrEqual(limit)
      }
    },
  )

  it('simulates an X that refuses: one a minute collects 429s', () => {
    const run = simulate({ ...twoDays, pace: evenPace(minute), window15: x('sliding'), random: seeded(1) })
    expect(run.refusedAt.length).toBeGreaterThan(20)
  })

  it.each(windowKinds)('%s windows: 500 a day are used in full and never passed', (kind) => {
    const silent = [windowModel('sliding', 500, day), windowModel('sliding', 1440, day)]
    const run = simulate({ ...twoDays, pace: pacerPace(), window15: x(kind), silent, random: seeded(5) })
    expect(run.refusedAt).toEqual([])
    expect(run.counted).toHaveLength(1000)
    expect(mostWithin(run.answered, day)).toBe(500)
  })

  it.each(windowKinds)('%s windows: pauses of all lengths cost no 429', (kind) => {
    const paused = [2, 7, 14, 15, 16, 31, 200].map((minutes, i): [number, number] => {
      const from = start + (3 * i + 1) * hour
      return [from, from + minutes * minute]
    })
    const run = simulate({ ...twoDays, pace: unhindered(), window15: x(kind), random: seeded(9), paused })
    expect(run.refusedAt).toEqual([])
    const pausedMs = paused.reduce((sum, [from, to]) => sum + to - from, 0)
    expect(run.counted.length).toBeGreaterThanOrEqual(((2 * day - pausedMs) * limit * 0.995) / windowMs - limit)
  })

  it.each(windowKinds)('%s windows: with another sender on the account, a 429 is rare and never repeated', (kind) => {
    const outside = Array.from({ length: 60 }, (_, i) => start + i * 47 * minute + ((i * 7919) % 900) * second)
    const run = simulate({ ...twoDays, pace: unhindered(), window15: x(kind), random: seeded(3), outside })
    expect(run.refusedAt.length).toBeLessThanOrEqual(outside.length / 10)
    expect(mostWithin(run.refusedAt, 5 * minute)).toBeLessThanOrEqual(1)
    expect(run.counted.length / allowed).toBeGreaterThan(0.6)
  })
})

it('never more than 15 answers in any 15 minutes, whatever the latencies, pauses, refusals and headers', () => {
  const event = fc.record({
    idleMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 * windowMs })),
    latencyMs: fc.integer({ min: 1, max: 10_000 }),
    refused: fc.boolean(),
    header: fc.option(
      fc.record({
        limit: fc.integer({ min: -1, max: 300 }),
        remaining: fc.integer({ min: -1, max: 300 }),
        resetAtMs: fc.integer({ min: start - day, max: start + 2 * day }),
      }),
      { nil: undefined },
    ),
  })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), (events) => {
      let state = newPacer
      let now = start
      const answered: number[] = []
      for (const { idleMs, latencyMs, refused, header } of events) {
        now = earliest(state, {}, now + idleMs).atMs + latencyMs
        const limits = header ? { window15: header } : {}
        state = refused ? afterRefusal(state, now, limits) : afterSend(state, now, limits)
        if (!refused) answered.push(now)
      }
      expect(mostWithin(answered, windowMs)).toBeLessThanOrEqual(limit)
    }),
  )
})

describe('etaMs', () => {
  /** What `etaMs` foretells, found by sending. */
  const bySending = (n: number) => {
    const random = () => 0.5
    const window15 = windowModel('sliding', limit, windowMs)
    const run = simulate({ pace: pacerPace(), window15, random, headers: false, fromMs: start, toMs: start + 11 * day })
    return run.answered[n - 1] as number
  }

  it.each([1, 15, 16, 500, 501, 554, 1000, 1001, 1499, 1500, 1501, 5000])('%i messages from a fresh start', (n) => {
    const latencyMs = 20 + 200 + 20 + 200
    expect(Math.abs(etaMs(newPacer, [], n, start, latencyMs) - bySending(n))).toBeLessThanOrEqual(1)
  })

  it.each([
    ['nothing left', newPacer, [], 0, start],
    ['the article: 500 in a day and 54 the next', newPacer, [], 554, start + day + 54 * minute],
    ['a day already used up', { ...newPacer, count: 500, runFrom: 500 }, everyMinute(500), 1, start + day],
    ['X allows one per 15 minutes', { ...newPacer, limit15: 1 }, [], 961, start + 10 * day + 13 * minute],
    ['X says wait', { ...newPacer, blockedUntilMs: start + hour }, [], 1, start + hour],
  ])('%s', (_, state, history, remaining, expected) => {
    expect(Math.abs(etaMs(state, history, remaining, start) - expected)).toBeLessThan(2 * minute)
  })

  it('foretells what stepping through every send finds, whatever went before', () => {
    const gap = fc.oneof({ weight: 20, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 8 * hour }))
    const latencyMs = 300
    fc.assert(
      fc.property(
        fc.array(gap, { maxLength: 700, size: 'max' }),
        fc.integer({ min: 1, max: 1700 }),
        (gaps, remaining) => {
          const answered: number[] = []
          let state = newPacer
          let now = start
          const step = (idleMs: number) => {
            now = earliest(state, { accountDay: answered.at(-500) }, now + idleMs).atMs + latencyMs
            answered.push(now)
            state = afterSend(state, now)
          }
          gaps.forEach(step)
          const eta = etaMs(state, answered, remaining, now, latencyMs)
          for (let i = 0; i < remaining; i++) step(0)
          expect(Math.abs(eta - now)).toBeLessThanOrEqual(1)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('takes no longer for a million', () => {
    const years = (etaMs(newPacer, [], 1_000_000, start) - start) / (365 * day)
    expect(years).toBeCloseTo(1_000_000 / 500 / 365, 1)
  })
})
