/**
 * Who will do what in a demo: drawn from a seed before anything is sent, so that the same figures and seed give the
 * same people. Nothing of it reaches the pipeline; it only decides which requests are made.
 */

export interface Figures {
  sent: number
  readers: number
  relays: number
  visits: number
  noise: number
  seed: number
}

/** The article's campaign. */
export const articleFigures: Figures = { sent: 554, readers: 160, relays: 50, visits: 812, noise: 300, seed: 1 }

export interface Visitor {
  /** Campaign time after the press. */
  afterMs: number
}

export interface Person {
  /** Campaign time from the message to the reading; undefined: never opens it. */
  readsAfterMs?: number
  /** Campaign time from the reading to the press; undefined: does not relay. */
  pressesAfterMs?: number
  visitors: Visitor[]
  noise: Noise[]
}

export const noiseKinds = ['crawler', 'head', 'prefetch', 'again'] as const
export interface Noise {
  kind: (typeof noiseKinds)[number]
  /** Campaign time from the reading (a crawler: from the message). */
  afterMs: number
}

const minuteMs = 60_000
const hourMs = 3_600_000
/** Everything ends well before the 72 hours of a recipient's own clock. */
const longestReadMs = 16 * hourMs
const longestPressMs = 2 * hourMs
const longestVisitMs = 26 * hourMs

/** Mulberry32: 32 bits of state, good enough to draw people. */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Each has an address of their own; there are no more (see people.ts). */
export const mostPeople = 131_072

/** Why these figures cannot happen, or undefined. */
export function impossible({ sent, readers, relays, visits }: Figures): string | undefined {
  if (sent < 1) return '--sent must be at least 1'
  if (readers > sent) return `--readers ${readers} is more than --sent ${sent}`
  if (relays > readers) return `--relays ${relays} is more than --readers ${readers}`
  if (visits > 0 && relays === 0) return `--visits ${visits} need at least one relay`
  if (sent + visits > mostPeople) return `--sent ${sent} and --visits ${visits}: together at most ${mostPeople}`
  return undefined
}

export function makePlan(figures: Figures): Person[] {
  const draw = random(figures.seed)
  const order = shuffled(figures.sent, draw)
  const people = order.map((): Person => ({ visitors: [], noise: [] }))
  const readers = order.slice(0, figures.readers).map((index) => people[index]!)
  const relayers = readers.slice(0, figures.relays)
  for (const person of readers) person.readsAfterMs = 5 * minuteMs + skewed(draw, longestReadMs)
  for (const person of relayers) person.pressesAfterMs = minuteMs + skewed(draw, longestPressMs)
  for (const [i, visits] of splitVisits(figures.visits, figures.relays, draw).entries()) {
    for (let n = 0; n < visits; n++)
      relayers[i]!.visitors.push({ afterMs: 2 * minuteMs + skewed(draw, longestVisitMs) })
  }
  for (let n = 0; n < figures.noise; n++) addNoise(noiseKinds[n % noiseKinds.length]!, people, readers, draw)
  return people
}

function addNoise(kind: Noise['kind'], people: Person[], readers: Person[], draw: () => number): void {
  // Reading again needs somebody who has read.
  const among = kind === 'again' && readers.length > 0 ? readers : people
  const effective = kind === 'again' && readers.length === 0 ? 'head' : kind
  const person = among[Math.floor(draw() * among.length)]!
  person.noise.push({ kind: effective, afterMs: minuteMs + skewed(draw, longestReadMs) })
}

function shuffled(n: number, draw: () => number): number[] {
  const order = Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(draw() * (i + 1))
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}

/** Most come early, some late. */
function skewed(draw: () => number, longestMs: number): number {
  return Math.floor(longestMs * draw() ** 3)
}

/** About one relay in eight brings nobody; the others share the visits by Zipf's law, at least one each. */
export function splitVisits(visits: number, relays: number, draw: () => number): number[] {
  if (relays === 0) return []
  const idle = Math.min(relays - 1, Math.round(relays / 8))
  const active = Math.max(1, Math.min(relays - idle, visits))
  const weights = Array.from({ length: active }, (_, rank) => 1 / (rank + 1))
  const whole = weights.reduce((sum, weight) => sum + weight, 0)
  const spare = Math.max(0, visits - active)
  const shares = weights.map((weight) => Math.floor((spare * weight) / whole) + (visits > 0 ? 1 : 0))
  for (let i = 0, left = visits - shares.reduce((sum, n) => sum + n, 0); left > 0; i++, left--) shares[i % active]!++
  const all = [...shares, ...Array<number>(relays - active).fill(0)]
  return shuffled(relays, draw).map((index) => all[index]!)
}
