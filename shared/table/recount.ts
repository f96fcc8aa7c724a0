/**
 * Recount: a campaign's totals from its facts alone, by queries, with nothing of the stream. Repair tool and oracle.
 *
 *     const recounted = await recount(table, ws, cmp, { nowWall: Date.now() })
 *     compare(recounted.totals, await totals.readAll(ws, cmp))   // [] when every total is what its facts say
 *
 * What the roll-up derived (first reads, visitor-days) is counted as stored, and is also held against the hits and
 * relays it was derived from. Refused where facts have expired: what is gone cannot be counted again.
 */
import { GetCommand, ScanCommand } from '@aws-sdk/lib-dynamodb'
import { env } from '../env.ts'
import type { Campaign, Fact, Link, LinkKind, VisitorDay } from '../facts.ts'
import { Fault } from '../fault.ts'
import { count, isErased } from '../track/count.ts'
import { type Derived, type DerivedById, deriveInto, firstReadId, visitorDayId } from '../track/derive.ts'
import type { TotalFields } from '../track/total-names.ts'
import { createCampaigns } from './campaigns.ts'
import { eachLimited, type Table } from './client.ts'
import { factLifeSeconds, hitLanes, type Key, keys } from './keys.ts'
import { asFact } from './stream.ts'
import { queryAll } from './totals.ts'

export interface Recounted {
  totals: Map<string, TotalFields>
  facts: number
  /** Facts of a shape that cannot be counted: dead letters to the roll-up, left out here as well. */
  broken: number
  /** First reads and visitor-days that the hits call for and that are not stored, or not all of them. */
  missing: Derived[]
  /** Stored reads and half-hours that no hit calls for. */
  unexpected: number
}

export interface RecountOptions {
  /** Wall clock, to tell whether facts have expired. */
  nowWall: number
  /** A completed campaign's report is frozen: it may be compared, not rewritten. */
  compareOnly?: boolean
}

export interface Difference {
  name: string
  field: string
  stored: number
  recounted: number
}

const atOnce = 8

export async function recount(table: Table, ws: string, cmp: string, options: RecountOptions): Promise<Recounted> {
  await refuse(table, ws, cmp, options)
  const tally = createTally(cmp)
  for (const [pk, prefix] of partitions(ws, cmp)) {
    for await (const row of queryAll(table, env.table('facts'), pk, prefix, true)) tally.addRow(row)
  }
  const stored = await readDerived(table, tally)
  const { totals, facts, broken } = tally.result()
  return { totals, facts, broken, ...hold(tally.expected, stored) }
}

/** Every field in which two sets of totals differ; a field of zero is one that is not there. */
export function compare(recounted: Map<string, TotalFields>, stored: Map<string, TotalFields>): Difference[] {
  const differences: Difference[] = []
  for (const name of [...new Set([...recounted.keys(), ...stored.keys()])].sort()) {
    const [now, had] = [recounted.get(name) ?? {}, stored.get(name) ?? {}]
    for (const field of [...new Set([...Object.keys(now), ...Object.keys(had)])].sort()) {
      const [counted = 0, kept = 0] = [now[field], had[field]]
      if (counted !== kept) differences.push({ name, field, stored: kept, recounted: counted })
    }
  }
  return differences
}

/** For the operator, who knows a campaign's id and not its workspace. */
export async function findCampaign(table: Table, cmp: string): Promise<Campaign | undefined> {
  const campaigns = createCampaigns(table)
  let ExclusiveStartKey: Record<string, unknown> | undefined
  do {
    const page = await table.send(
      new ScanCommand({
        TableName: env.table('directory'),
        FilterExpression: 'sk = :sk',
        ExpressionAttributeValues: { ':sk': keys.workspace('').sk },
        ...(ExclusiveStartKey && { ExclusiveStartKey }),
      }),
    )
    for (const { id } of page.Items ?? []) {
      const campaign = await campaigns.get(String(id), cmp)
      if (campaign) return campaign
    }
    ExclusiveStartKey = page.LastEvaluatedKey
  } while (ExclusiveStartKey)
  return undefined
}

async function refuse(table: Table, ws: string, cmp: string, options: RecountOptions): Promise<void> {
  const campaign = await createCampaigns(table).get(ws, cmp)
  if (!campaign) throw new Fault('not_found', `There is no campaign ${cmp} in workspace ${ws}.`)
  const since = campaign.startedAt ?? campaign.createdAt
  if (since + factLifeSeconds * 1000 < options.nowWall)
    throw new Fault('conflict', `Facts of ${cmp} have expired: its totals are all that is left of it.`)
  if (campaign.state === 'completed' && !options.compareOnly)
    throw new Fault('conflict', `${cmp} is completed and its report frozen: it can be compared, not rewritten.`)
}

/** Where a campaign's own facts lie. */
function partitions(ws: string, cmp: string): [pk: string, prefix: string][] {
  const { pk } = keys.recipient(ws, cmp, 0)
  const lanes = Array.from({ length: hitLanes }, (_, lane) => keys.hits(ws, cmp, lane, 0, '').pk)
  return [[pk, 'RCP#'], [pk, 'RLY#'], ...lanes.map((lane): [string, string] => [lane, ''])]
}

interface SeenLink {
  host: string
  slug: string
  kind: LinkKind
}

/** Adds up facts one by one, so that a campaign of any size fits. */
function createTally(cmp: string) {
  const totals = new Map<string, TotalFields>()
  const expected: DerivedById = new Map()
  const links = new Map<string, SeenLink>()
  let facts = 0
  let broken = 0

  /** Whether the fact counts at all. */
  function add(fact: Fact): boolean {
    try {
      if (isErased(fact) || ('cmp' in fact && fact.cmp !== cmp)) return false
      for (const { name, fields } of count(fact)) addInto(totals, name, fields)
      facts++
      return true
    } catch {
      broken++
      return false
    }
  }

  return {
    expected,
    links,
    result: () => ({ totals, facts, broken }),
    add,
    /** A fact as it is stored, with what it derives. */
    addRow(row: Record<string, unknown>): void {
      const fact = read(row)
      if (fact === undefined || !add(fact)) return
      deriveInto(expected, { sequence: '', old: undefined, new: fact })
      for (const link of linksOf(fact)) links.set(`${link.host} ${link.slug}`, link)
    },
  }

  function read(row: Record<string, unknown>): Fact | undefined {
    try {
      return asFact(row)
    } catch {
      broken++
      return undefined
    }
  }
}

type Tally = ReturnType<typeof createTally>

function addInto(totals: Map<string, TotalFields>, name: string, fields: TotalFields): void {
  const total = totals.get(name) ?? {}
  for (const [field, n] of Object.entries(fields)) total[field] = (total[field] ?? 0) + n
  totals.set(name, total)
}

/** Links about which something may have been derived. */
function linksOf(fact: Fact): SeenLink[] {
  if (fact.type === 'hits') return fact.hits.map((hit) => ({ host: fact.host, slug: hit.s, kind: hit.k }))
  if (fact.type !== 'relay' || fact.generation !== 1) return []
  return [{ host: fact.host, slug: fact.parent, kind: 'ask' }]
}

/** Counts what was derived and gives it back as marks: one per first read, one per half-hour of a visitor. */
async function readDerived(table: Table, tally: Tally): Promise<Set<string>> {
  const marks = new Set<string>()
  await eachLimited(tally.links.values(), atOnce, async (link) => {
    const rows = await derivedRows(table, link)
    // Nothing is derived about a link, or a visitor, that is no longer there.
    if (link.kind === 'ask' && rows.length === 0) tally.expected.delete(firstReadId(link))
    for (const row of rows) {
      const [id, numbers] = marksOfRow(row)
      if (isErased(row)) tally.expected.delete(id)
      else if (tally.add(row)) for (const n of numbers) marks.add(`${id} ${n}`)
    }
  })
  return marks
}

type VisitorDayRow = VisitorDay & Key

/** What the roll-up keeps for a link: on an ask link's own row the first read, for any other its visitor-days. */
async function derivedRows(table: Table, { host, slug, kind }: SeenLink): Promise<(Link | VisitorDayRow)[]> {
  const TableName = env.table('facts')
  if (kind === 'ask') {
    const { Item } = await table.send(new GetCommand({ TableName, Key: keys.link(host, slug), ConsistentRead: true }))
    return Item ? [Item as Link] : []
  }
  const days: VisitorDayRow[] = []
  const { pk } = keys.visitorDay(host, slug, '', '')
  for await (const row of queryAll(table, TableName, pk, '', true)) days.push(row as unknown as VisitorDayRow)
  return days
}

function marksOfRow(row: Link | VisitorDayRow): [id: string, numbers: Iterable<number>] {
  if (row.type === 'link') return [firstReadId(row), row.firstReadAt === undefined ? [] : [row.firstReadAt]]
  const [day = '', visitor = ''] = row.sk.split('#')
  return [visitorDayId({ ...row, day, visitor }), row.halfHours]
}

/** What the hits call for against what is stored. */
function hold(expected: DerivedById, stored: Set<string>): Pick<Recounted, 'missing' | 'unexpected'> {
  const missing: Derived[] = []
  let found = 0
  for (const [id, derived] of expected) {
    if (derived.kind === 'notice') continue
    const numbers = derived.kind === 'first_read' ? [derived.at] : [...derived.halfHours]
    const held = numbers.filter((n) => stored.has(`${id} ${n}`)).length
    if (held < numbers.length) missing.push(derived)
    found += held
  }
  return { missing, unexpected: stored.size - found }
}
