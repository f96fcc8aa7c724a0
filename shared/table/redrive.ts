/**
 * Redrive: takes the roll-up's dead letters and folds each record again with today's code.
 *
 * A record that can be folded now is counted once, whoever asks and how often: its counts and the letter's `redriven`
 * mark are one transaction. One that still cannot stays, and today's reason is reported. Counts of changes commute, so
 * a letter needs no order and not even a sequence number of its own.
 */
import { reasonOf } from '../log.ts'
import { deriveOne } from '../track/derive.ts'
import { type Change, type Folded, foldOne } from '../track/fold.ts'
import type { Table } from './client.ts'
import { createDerived } from './derived.ts'
import { readImages, type StreamRecord } from './stream.ts'
import { createTotals, type DeadLetter } from './totals.ts'

export interface Redriven {
  /** Counted by this call. */
  redriven: number
  /** Counted meanwhile by another. */
  already: number
  /** Letters that stay, by `shard:sequence`, with today's reason. */
  left: { letter: string; reason: string }[]
}

export async function redrive(table: Table, wall: () => number = Date.now): Promise<Redriven> {
  const totals = createTotals(table)
  const derived = createDerived(table)

  async function one(letter: DeadLetter): Promise<'redriven' | 'already'> {
    const { change, folded } = foldLetter(letter)
    await derived.write(deriveOne(change), wall())
    return totals.redrive(letter, folded, wall())
  }

  const result: Redriven = { redriven: 0, already: 0, left: [] }
  for (const letter of await totals.deadLetters()) {
    if (letter.redriven !== undefined) continue
    try {
      result[await one(letter)]++
    } catch (error) {
      result.left.push({ letter: letter.sk, reason: reasonOf(error) })
    }
  }
  return result
}

/** @throws on a record that cannot be folded. */
export function foldLetter(letter: DeadLetter): { change: Change; folded: Folded } {
  const change = { sequence: letter.sk, ...readImages(JSON.parse(letter.record) as StreamRecord) }
  return { change, folded: foldOne(change) }
}
