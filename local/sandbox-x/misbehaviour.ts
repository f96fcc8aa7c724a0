/** What sandbox X may do wrong, drawn from a seed and the number of the call: a run can be repeated, also after a kill. */
import { createHash } from 'node:crypto'

/** One thing going wrong with one call. "After accept" means that the message is delivered and the answer is lost. */
export type Mishap =
  | 'rate_limited'
  | 'unauthorized'
  | 'no_credits'
  | 'forbidden'
  | 'sender_forbidden'
  | 'server_error'
  | 'server_error_after_accept'
  | 'timeout'
  | 'timeout_after_accept'
  | 'reset_after_accept'
  | 'truncated_after_accept'
  /** 200 with nothing but `errors`. */
  | 'no_event_id'

export interface Misbehaviour {
  seed?: number
  /** Probabilities per call, 0 to 1; together at most 1. */
  rate429?: number
  /** Half of them after the message was delivered. */
  rate5xx?: number
  timeoutAfterAccept?: number
  resetAfterAccept?: number
  truncated?: number
  /** Share of the people who cannot be messaged: always the same ones. */
  forbidden?: number
  /** Campaign time a drawn 429 asks to wait; a call before that is refused and marked `early`. 60,000 unless set. */
  rate429ForMs?: number
  /** What happens to the next calls for a participant, in order; after that, what is drawn. */
  participants?: Record<string, Mishap[]>
  /** What happens to the next token refreshes, in order. */
  refresh?: Mishap[]
}

/** A number in [0, 1) that depends on nothing but its arguments. */
function draw(seed: number, about: string): number {
  return createHash('sha256').update(`${seed}:${about}`).digest().readUInt32BE(0) / 2 ** 32
}

export function drawMishap(script: Misbehaviour, participant: string, call: number): Mishap | undefined {
  const seed = script.seed ?? 1
  if (draw(seed, `person ${participant}`) < (script.forbidden ?? 0)) return 'forbidden'
  const half = (script.rate5xx ?? 0) / 2
  const shares: [Mishap, number][] = [
    ['rate_limited', script.rate429 ?? 0],
    ['server_error', half],
    ['server_error_after_accept', half],
    ['timeout_after_accept', script.timeoutAfterAccept ?? 0],
    ['reset_after_accept', script.resetAfterAccept ?? 0],
    ['truncated_after_accept', script.truncated ?? 0],
  ]
  let rest = draw(seed, `call ${call}`)
  for (const [mishap, share] of shares) {
    if (rest < share) return mishap
    rest -= share
  }
  return undefined
}
