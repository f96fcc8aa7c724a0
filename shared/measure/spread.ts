/** How evenly visits fall on relays: an average over a heavy tail is never shown without these. */
export interface Spread {
  /** One number per relay, most visits first, zeros included. */
  visitsPerRelay: number[]
  median: number
  /** Share of relays that brought no visit. */
  zeroShare: number
  /** Share of all visits that came through the relay with the most; null without a visit. */
  topShare: number | null
  /** Visits per relay without the relay that brought the most; null with fewer than two relays. */
  withoutTop: number | null
  /** 0 when every relay brought as many, towards 1 when one brought all; null without a visit. */
  gini: number | null
}

/**
 * Of `relays` counted relays and the visits known for each. A relay that nobody came through may have no total of its
 * own, and one pressed after the window has a total but is not counted: both bring zero, so the list is cut or filled
 * with zeros to the number counted.
 */
export function spreadOf(visits: readonly number[], relays: number): Spread | undefined {
  if (relays <= 0) return undefined
  const sorted = visits.toSorted((a, b) => b - a).slice(0, relays)
  while (sorted.length < relays) sorted.push(0)
  const total = sorted.reduce((sum, value) => sum + value, 0)
  const top = sorted[0]!
  return {
    visitsPerRelay: sorted,
    median: (sorted[Math.floor((relays - 1) / 2)]! + sorted[Math.floor(relays / 2)]!) / 2,
    zeroShare: sorted.filter((value) => value === 0).length / relays,
    topShare: total > 0 ? top / total : null,
    withoutTop: relays > 1 ? (total - top) / (relays - 1) : null,
    gini: total > 0 ? gini(sorted, total) : null,
  }
}

/** Half the mean difference of all pairs over the mean, from the ranks of a list sorted downwards. */
function gini(sorted: readonly number[], total: number): number {
  const n = sorted.length
  const ranked = sorted.reduce((sum, value, index) => sum + (n - index) * value, 0)
  return (2 * ranked) / (n * total) - (n + 1) / n
}
