/**
 * Two clocks, never mixed. *Wall* is for deadlines, timeouts, visibility and caches. *Campaign* is the time facts
 * happen in: X's windows, fact times, quiet hours. They are the same except against sandbox X, where campaign time
 * may run `scale` times faster from `originMs` on.
 */
export interface Clock {
  wall(): number
  campaign(): number
  /** How long a stretch of campaign time lasts on the wall, in milliseconds. */
  wallMs(campaignMs: number): number
}

export const realClock: Clock = { wall: Date.now, campaign: Date.now, wallMs: (ms) => ms }

/** Campaign time equals wall time at `originMs` and runs `scale` times faster after it. */
export function scaledClock(scale: number, originMs: number, wall: () => number = Date.now): Clock {
  if (!(scale >= 1)) throw new RangeError(`time scale ${scale}: it must be a number of 1 or more`)
  if (scale === 1) return { ...realClock, wall, campaign: wall }
  return {
    wall,
    campaign: () => Math.round(originMs + (wall() - originMs) * scale),
    wallMs: (ms) => ms / scale,
  }
}

/** From `TIME_SCALE` and `TIME_ORIGIN` (both set by the local server only), else the real clock. */
export function clockFromEnv(env: NodeJS.ProcessEnv = process.env): Clock {
  const scale = Number(env.TIME_SCALE ?? 1)
  return scale === 1 ? realClock : scaledClock(scale, Number(env.TIME_ORIGIN ?? Date.now()))
}
