/**
 * The pure fold: a batch of changes in, one list of parts per total out.
 *
 *     const folded = fold(records)
 *     deltaAfter(folded.get(id)!, checkpoint)   // what is still to be added to that total
 *
 * `fold(a ++ b) = merge(fold(a), fold(b))`, so where a batch is cut changes nothing.
 */
import type { Fact } from '../facts.ts'
import { count } from './count.ts'
import type { TotalFields } from './total-names.ts'

export interface Change {
  /** The record's sequence number, padded so that text order is number order. */
  sequence: string
  old: Fact | undefined
  new: Fact | undefined
}

export interface Part {
  sequence: string
  fields: TotalFields
}

export interface FoldedTotal {
  ws: string
  cmp: string | undefined
  name: string
  /** In the shard's order, at most one per record, never empty. */
  parts: Part[]
}

export type Folded = Map<string, FoldedTotal>

const idOf = (ws: string, cmp: string | undefined, name: string): string => `${ws}#${cmp ?? ''}#${name}`

/** What one change adds to each total. A disappearance (expiry) counts nothing: erasure marks first, then deletes. */
export function foldOne(change: Change): Folded {
  const folded: Folded = new Map()
  if (change.new === undefined) return folded
  for (const [sign, counts] of [[-1, count(change.old)] as const, [1, count(change.new)] as const]) {
    for (const { ws, cmp, name, fields } of counts) {
      const id = idOf(ws, cmp, name)
      const total = folded.get(id) ?? { ws, cmp, name, parts: [{ sequence: change.sequence, fields: {} }] }
      addInto(total.parts[0]!.fields, fields, sign)
      folded.set(id, total)
    }
  }
  for (const [id, total] of folded) {
    const fields = withoutZeros(total.parts[0]!.fields)
    if (Object.keys(fields).length === 0) folded.delete(id)
    else total.parts[0]!.fields = fields
  }
  return folded
}

export function fold(changes: Iterable<Change>): Folded {
  const folded: Folded = new Map()
  for (const change of changes) mergeInto(folded, foldOne(change))
  return folded
}

/** Appends `later` to `into`: every sequence of `later` comes after those of `into`. */
export function mergeInto(into: Folded, later: Folded): void {
  for (const [id, total] of later) {
    const known = into.get(id)
    if (known) known.parts.push(...total.parts)
    else into.set(id, { ...total, parts: [...total.parts] })
  }
}

/** The sum of the parts above a checkpoint; undefined when nothing is left to add. */
export function deltaAfter(total: FoldedTotal, checkpoint: string | undefined): TotalDelta | undefined {
  const parts = checkpoint === undefined ? total.parts : total.parts.filter((part) => part.sequence > checkpoint)
  if (parts.length === 0) return undefined
  const fields: TotalFields = {}
  for (const part of parts) addInto(fields, part.fields, 1)
  return { first: parts[0]!.sequence, last: parts.at(-1)!.sequence, fields: withoutZeros(fields) }
}

export interface TotalDelta {
  first: string
  last: string
  fields: TotalFields
}

function addInto(into: TotalFields, fields: TotalFields, sign: 1 | -1): void {
  for (const [field, n] of Object.entries(fields)) into[field] = (into[field] ?? 0) + sign * n
}

function withoutZeros(fields: TotalFields): TotalFields {
  return Object.fromEntries(Object.entries(fields).filter(([, n]) => n !== 0))
}
