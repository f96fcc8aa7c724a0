/**
 * How sure a number is: 95 % intervals for a proportion (Wilson), for visits per relay (log-delta with Student's t)
 * and for visits per message (log-delta with the normal). `undefined` where no honest interval exists.
 *
 *     wilson(50, 160) // { low: 0.2458, high: 0.3880 }
 */
export interface Interval {
  low: number
  high: number
}

/** Below this many relays, visits per relay get no interval. */
export const leastRelays = 20

/** The normal's 0.975 quantile. */
const z = 1.959963984540054

/** Wilson's score interval: it stays within 0 and 1, and is honest for small counts. */
export function wilson(successes: number, trials: number): Interval | undefined {
  if (!(trials > 0) || successes < 0 || successes > trials) return undefined
  const share = successes / trials
  const spread = z * Math.sqrt((share * (1 - share)) / trials + (z * z) / (4 * trials * trials))
  const centre = share + (z * z) / (2 * trials)
  const shrink = 1 + (z * z) / trials
  return {
    low: successes === 0 ? 0 : (centre - spread) / shrink,
    high: successes === trials ? 1 : (centre + spread) / shrink,
  }
}

/**
 * V·exp(±t·s/(V√R)) for the mean of `visits`, one number per relay, zeros included. Heavy tails make it approximate:
 * on real retweet counts its nominal 95 % covers 83 %, where a Poisson interval covers 33 %.
 */
export function logDeltaT(visits: readonly number[]): Interval | undefined {
  const { mean, variance } = moments(visits)
  if (visits.length < leastRelays || mean === 0) return undefined
  const logError = Math.sqrt(variance / visits.length) / mean
  return around(mean, studentQuantile(visits.length - 1) * logError)
}

export interface YieldInterval extends Interval {
  /** Share of the log-variance that comes from the visits per relay. */
  viralityShare: number
}

/** Visits per message, by Var(log Y) = (1−c)/C + (1−T)/R + s²/(V²R). */
export function yieldInterval(
  yielded: number,
  counts: { sent: number; readers: number; visits: readonly number[] },
): YieldInterval | undefined {
  const { sent, readers, visits } = counts
  const relays = visits.length
  const { mean, variance } = moments(visits)
  if (relays < leastRelays || mean === 0 || relays > readers || readers > sent) return undefined
  const fromVirality = variance / (mean * mean * relays)
  const logVariance = (1 - readers / sent) / readers + (1 - relays / readers) / relays + fromVirality
  const viralityShare = logVariance === 0 ? 0 : fromVirality / logVariance
  return { ...around(yielded, z * Math.sqrt(logVariance)), viralityShare }
}

/** Mean and sample variance (n − 1). */
export function moments(values: readonly number[]): { mean: number; variance: number } {
  const n = values.length
  if (n === 0) return { mean: 0, variance: 0 }
  const mean = values.reduce((sum, value) => sum + value, 0) / n
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, variance: n > 1 ? squares / (n - 1) : 0 }
}

/**
 * Student's 0.975 quantile for a whole number of degrees of freedom. With θ = atan(t/√ν), the share of the law within
 * ±t is an exact finite sum (Abramowitz and Stegun 26.7.3 and 26.7.4) that grows with θ: halve until it is 0.95.
 */
export function studentQuantile(freedom: number): number {
  let low = 0
  let high = Math.PI / 2
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2
    if (shareWithin(middle, freedom) < 0.95) low = middle
    else high = middle
  }
  return Math.sqrt(freedom) * Math.tan((low + high) / 2)
}

function shareWithin(theta: number, freedom: number): number {
  const odd = freedom % 2 === 1
  const cosine = Math.cos(theta)
  let term = odd ? cosine : 1
  let sum = freedom === 1 ? 0 : term
  for (let k = odd ? 3 : 2; k <= freedom - 2; k += 2) {
    term *= (cosine * cosine * (k - 1)) / k
    sum += term
  }
  return odd ? (2 / Math.PI) * (theta + Math.sin(theta) * sum) : Math.sin(theta) * sum
}

function around(value: number, logMargin: number): Interval {
  return { low: value * Math.exp(-logMargin), high: value * Math.exp(logMargin) }
}
