/**
 * When an account may send its next message: as fast as X allows, without one 429.
 *
 *     const { atMs, because } = earliest(state, oldest, now)   // atMs === now: send
 *     state = afterSend(state, respondedAtMs, limits)          // sent, refused or unknown: quota is spent
 *     state = afterRefusal(state, respondedAtMs, limits)       // 429: nothing was spent
 *
 * X counts a request somewhere between our sending it and its answer. Waiting W after the *answer* to send i − L
 * before *sending* i keeps L per W wherever X's window begins, so the rule need not know what kind of window X has.
 * The first L of a run are spread evenly: the account does not burst, and every later lap keeps their spacing.
 */
import type { LimitHeader, XLimits } from './limits.ts'

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs

export const budgets = {
  user15min: { name: 'user_15min', limit: 15, windowMs: 15 * minuteMs },
  userDay: { name: 'user_24h', limit: 1440, windowMs: dayMs },
  accountDay: { name: 'account_day', limit: 500, windowMs: dayMs },
} as const

/** Added to every wait: X's clock and ours tick apart. */
export const marginMs = 500
/** No answer takes longer than this; past it the send is `unknown`. */
const longestAnswerMs = 10_000

/** Small and serialisable: it lives in the account's turn row. */
export interface PacerState {
  /** Sends counted so far, also the index of the next. */
  count: number
  /** When the last 15 sends were answered, oldest first. */
  recent: number[]
  /** Index at which the present run began, or will begin when it equals `count`. */
  runFrom: number
  runAtMs: number
  /** Ours, or what X's last answer said when that is lower. */
  limit15: number
  limitDay: number
  /** X said to wait until then. */
  blockedUntilMs?: number
}

export const newPacer: PacerState = {
  count: 0,
  recent: [],
  runFrom: 0,
  runAtMs: 0,
  limit15: budgets.user15min.limit,
  limitDay: budgets.userDay.limit,
}

/** When the sends that the day budgets look back to were answered; undefined where there were fewer sends. */
export interface OldestSends {
  userDay?: number | undefined
  accountDay?: number | undefined
}

export type PaceReason = 'user_15min' | 'user_24h' | 'account_day' | 'spread' | 'x_says'

/** Which earlier sends `earliest` needs the answer times of, as indexes for `keys.send`; undefined: fewer so far. */
export function lookback(state: PacerState): { userDay: number | undefined; accountDay: number | undefined } {
  const back = (limit: number) => (state.count >= limit ? state.count - limit : undefined)
  return { userDay: back(state.limitDay), accountDay: back(budgets.accountDay.limit) }
}

export interface Earliest {
  atMs: number
  because: PaceReason
}

/** Never before now: `atMs === nowMs` means send. */
export function earliest(state: PacerState, oldest: OldestSends, nowMs: number): Earliest {
  const { user15min, userDay, accountDay } = budgets
  const inRun = state.count - state.runFrom
  const waits: [PaceReason, number | undefined][] = [
    ['x_says', state.blockedUntilMs],
    ['user_15min', after(state.recent.at(-state.limit15), user15min.windowMs)],
    ['user_24h', after(oldest.userDay, userDay.windowMs)],
    ['account_day', after(oldest.accountDay, accountDay.windowMs)],
    ['spread', inRun < state.limit15 ? state.runAtMs + (inRun * user15min.windowMs) / state.limit15 : undefined],
  ]
  let result: Earliest = { atMs: nowMs, because: 'spread' }
  for (const [because, atMs] of waits) {
    if (atMs !== undefined && atMs > result.atMs) result = { atMs, because }
  }
  return result
}

function after(answeredAtMs: number | undefined, windowMs: number): number | undefined {
  return answeredAtMs === undefined ? undefined : answeredAtMs + windowMs + marginMs
}

/** Counts a send that spent quota: sent, refused by a 403, or unknown. */
export function afterSend(state: PacerState, respondedAtMs: number, limits: XLimits = {}): PacerState {
  const last = state.recent.at(-1)
  const idle = last !== undefined && respondedAtMs - last > budgets.user15min.windowMs
  const begins = idle || state.count === state.runFrom
  const counted: PacerState = {
    ...state,
    count: state.count + 1,
    recent: [...state.recent, respondedAtMs].slice(-budgets.user15min.limit),
    runFrom: begins ? state.count : state.runFrom,
    runAtMs: begins ? respondedAtMs : state.runAtMs,
  }
  return adopt(counted, respondedAtMs, limits)
}

/** After a 429: nothing before the latest reset it names (a whole window when it names none), then a new run. */
export function afterRefusal(state: PacerState, respondedAtMs: number, limits: XLimits = {}): PacerState {
  const { windowMs } = budgets.user15min
  const adopted = adopt(state, respondedAtMs, limits)
  const told = limits.window15 ? block(adopted, until(limits.window15, respondedAtMs, windowMs)) : adopted
  // A reset that has passed explains nothing: to try again at once would only collect more 429s.
  const explained = (told.blockedUntilMs ?? 0) > respondedAtMs + marginMs
  return { ...(explained ? told : block(told, respondedAtMs + windowMs + marginMs)), runFrom: state.count }
}

/** Takes lower limits over, and waits for the reset when nothing is left or somebody else spends from it too. */
function adopt(state: PacerState, atMs: number, { window15, userDay, appDay }: XLimits): PacerState {
  let next: PacerState = {
    ...state,
    limit15: lower(window15, budgets.user15min.limit, state.limit15),
    limitDay: lower(userDay, budgets.userDay.limit, state.limitDay),
  }
  if (window15 !== undefined) {
    const elsewhere = window15.remaining < ownRemaining(next, atMs)
    if (elsewhere || window15.remaining <= 0) {
      next = block(next, until(window15, atMs, budgets.user15min.windowMs))
    }
    if (elsewhere) next = { ...next, runFrom: next.count }
  }
  for (const day of [userDay, appDay]) {
    if (day !== undefined && day.remaining <= 0) next = block(next, until(day, atMs, dayMs))
  }
  return next
}

function lower(header: LimitHeader | undefined, ours: number, present: number): number {
  if (header === undefined) return present
  return header.limit >= 1 ? Math.min(header.limit, ours) : ours
}

/** What our own sends leave of the window. A send just over W old may still be in X's: it counts. */
function ownRemaining(state: PacerState, atMs: number): number {
  const from = atMs - budgets.user15min.windowMs - longestAnswerMs
  return state.limit15 - state.recent.filter((answeredAtMs) => answeredAtMs > from).length
}

/** No reset is further away than its window, whatever our clock thinks of X's. */
function until(header: LimitHeader, atMs: number, windowMs: number): number {
  return Math.min(header.resetAtMs, atMs + windowMs) + marginMs
}

function block(state: PacerState, untilMs: number): PacerState {
  return { ...state, blockedUntilMs: Math.max(untilMs, state.blockedUntilMs ?? 0) }
}

/**
 * When `remaining` more sends of this account will have been answered, if nothing interrupts it.
 * `history`: when its last sends were answered, oldest first, as many as are kept (at most 1,440).
 */
export function etaMs(
  state: PacerState,
  history: readonly number[],
  remaining: number,
  nowMs: number,
  latencyMs = 300,
): number {
  const perDay = Math.min(state.limitDay, budgets.accountDay.limit)
  // Where the pace fills a day's budget in less than a day, each further day repeats the one before.
  const fills = (state.limit15 * dayMs) / budgets.user15min.windowMs > perDay
  const days = fills ? Math.max(0, Math.ceil(remaining / perDay) - 1) : 0
  const answered = [...history]
  let pacer = state
  let doneAtMs = nowMs
  for (let left = remaining - days * perDay; left > 0; left--) {
    const oldest = { userDay: answered.at(-pacer.limitDay), accountDay: answered.at(-budgets.accountDay.limit) }
    doneAtMs = earliest(pacer, oldest, doneAtMs).atMs + latencyMs
    answered.push(doneAtMs)
    pacer = afterSend(pacer, doneAtMs)
  }
  return doneAtMs + days * (dayMs + marginMs + latencyMs)
}
