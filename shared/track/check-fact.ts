/**
 * Has a stored fact the shape that counting and deriving rest on?
 *
 *     checkFact(fact)   // throws RangeError: 'a relay whose pressedAt is not usable'
 *
 * A broken fact must be refused here. Past this point it would add to a total named `undefined`, or fail a write each
 * time its batch comes again and hold up everything behind it. The reason names the field, never its content.
 */
import type { Fact } from '../facts.ts'

type Check = (value: unknown) => boolean
type Shape = Readonly<Record<string, Check>>

/** Parts of keys: a sort key holds 1,024 bytes. */
const text: Check = (value) => typeof value === 'string' && value.length > 0 && value.length <= 256
const words: Check = (value) => typeof value === 'string'
const furthest = 8_640_000_000_000_000
const time: Check = (value) => typeof value === 'number' && Math.abs(value) <= furthest
const ordinal: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0
const oneOf = (...values: string[]): Check => {
  const known = new Set<unknown>(values)
  return (value) => known.has(value)
}
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)
const fits =
  (shape: Shape): Check =>
  (value) =>
    typeof value === 'object' && value !== null && firstMisfit(shape, value) === undefined

const kind = oneOf('plain', 'ask', 'relay', 'post')
const label: Check = (value) => value === '' || text(value)
const segments: Check = (value) => typeof value === 'object' && value !== null && Object.values(value).every(label)

const hit: Shape = {
  t: time,
  s: text,
  k: kind,
  b: maybe(text),
  v: text,
  w: maybe(time),
  g: maybe(ordinal),
  sg: maybe(segments),
}

const shapes: Record<Fact['type'], Shape> = {
  campaign: { ws: text, id: text, state: text, createdAt: time, startedAt: maybe(time), completedAt: maybe(time) },
  recipient: {
    ws: text,
    cmp: text,
    status: oneOf('pending', 'sending', 'sent', 'refused', 'unknown', 'suppressed'),
    reason: maybe(words),
    sentAt: maybe(time),
    segments: maybe(segments),
  },
  link: { ws: text, cmp: maybe(text), host: text, slug: text, firstReadAt: maybe(time), segments: maybe(segments) },
  hits: {
    ws: text,
    cmp: maybe(text),
    host: text,
    windowMs: maybe(time),
    hits: (value) => Array.isArray(value) && value.every(fits(hit)),
  },
  relay: {
    ws: text,
    cmp: text,
    windowMs: maybe(time),
    host: text,
    slug: text,
    parent: text,
    generation: ordinal,
    channel: text,
    pressedAt: time,
    sentAt: maybe(time),
    segments: maybe(segments),
  },
  visitor_day: {
    ws: text,
    cmp: maybe(text),
    host: text,
    slug: text,
    kind,
    generation: maybe(ordinal),
    segments: maybe(segments),
    halfHours: (value) => value instanceof Set && [...value].every(ordinal),
  },
  suppression: { ws: text, token: text, source: text, at: time },
  notice: { ws: text, id: text },
}

/** @throws RangeError on a fact of no known type or shape. */
export function checkFact(fact: Fact): void {
  const shape = Object.hasOwn(shapes, fact.type) ? shapes[fact.type] : undefined
  if (!shape) throw new RangeError(`a fact of unknown type ${JSON.stringify((fact as { type?: unknown }).type)}`)
  const misfit = firstMisfit(shape, fact)
  if (misfit !== undefined) throw new RangeError(`a ${fact.type} whose ${misfit} is not usable`)
}

function firstMisfit(shape: Shape, value: object): string | undefined {
  for (const field in shape) if (!shape[field]!((value as Record<string, unknown>)[field])) return field
  return undefined
}
