/**
 * Compare and repair while the roll-up runs.
 *
 * A recount and the totals can only be compared at one instant. So both are read between two looks at the stream: when
 * it was folded to its end before, and ends at the same record after, no fact changed meanwhile and every difference
 * is real. Else it is tried again.
 *
 * A repair then sets exactly the fields that differ, on condition that each still is what was read. What the roll-up
 * adds before that makes the condition fail, and the comparison starts over; what it adds after is added to the
 * repaired figure. Checkpoints stay as they are, and the roll-up never waits for any of this.
 */
import { Fault } from '../fault.ts'
import type { Table } from './client.ts'
import { createDerived } from './derived.ts'
import { compare, type Difference, type Recounted, type RecountOptions, recount } from './recount.ts'
import { foldLetter } from './redrive.ts'
import { createTotals, type DeadLetter } from './totals.ts'

export interface Comparison extends Recounted {
  differences: Difference[]
  /** Facts and totals are of one instant. If not, a difference may be a fact on its way. */
  settled: boolean
}

export interface CompareOptions extends RecountOptions {
  /** Where the stream ends, when the roll-up has folded all of it; undefined when it has not, however long one waits. */
  position(): Promise<string | undefined>
}

const rounds = 5

export async function compareSettled(
  table: Table,
  ws: string,
  cmp: string,
  options: CompareOptions,
): Promise<Comparison> {
  const totals = createTotals(table)
  for (let round = 1; ; round++) {
    const from = await options.position()
    const recounted = await recount(table, ws, cmp, options)
    const stored = await totals.readAll(ws, cmp)
    const settled = from !== undefined && from === (await options.position())
    if (settled || from === undefined || round === rounds)
      return { ...recounted, settled, differences: compare(recounted.totals, stored) }
  }
}

export interface Repaired {
  /** Derived facts that were missing and have been written: the roll-up counts them as any other. */
  derived: number
  /** Fields that were set. */
  fields: Difference[]
  after: Comparison
}

/** Only of a campaign that is not completed; see above for what is promised. */
export async function repair(table: Table, ws: string, cmp: string, options: CompareOptions): Promise<Repaired> {
  const totals = createTotals(table)
  const fields: Difference[] = []
  let derived = 0
  for (let round = 1; round <= rounds; round++) {
    const now = await compareSettled(table, ws, cmp, { ...options, compareOnly: false })
    if (!now.settled)
      throw new Fault('conflict', `Facts of ${cmp} keep arriving: nothing was repaired. Try again later.`)
    await refuseLetters(table, cmp)
    if (now.missing.length > 0) {
      await createDerived(table).write(now.missing, options.nowWall)
      derived += now.missing.length
    } else if (now.differences.length === 0) {
      return { derived, fields, after: now }
    } else {
      fields.push(...(await write(now.differences)))
    }
  }
  throw new Fault('conflict', `Totals of ${cmp} kept changing while they were repaired. Try again later.`)

  async function write(differences: Difference[]): Promise<Difference[]> {
    const written: Difference[] = []
    for (const [name, ofTotal] of Map.groupBy(differences, (difference) => difference.name)) {
      if ((await totals.overwrite(ws, cmp, name, ofTotal)) === 'written') written.push(...ofTotal)
    }
    return written
  }
}

/** A letter that could be folded today would be counted by the repair and once more by its redrive. */
async function refuseLetters(table: Table, cmp: string): Promise<void> {
  const waiting = (await createTotals(table).deadLetters()).filter(
    (letter) => letter.redriven === undefined && letter.record.includes(cmp) && canFold(letter),
  )
  if (waiting.length > 0)
    throw new Fault('conflict', `${waiting.length} dead letters of ${cmp} can be counted now: npm run redrive first.`)
}

function canFold(letter: DeadLetter): boolean {
  try {
    foldLetter(letter)
    return true
  } catch {
    return false
  }
}
