/**
 * Group commit: hits become durable together.
 *
 *     const hits = createHitWriter({ put, spill, wall: Date.now, onUntracked })
 *     await hits.write({ ws, cmp, windowMs, host }, hit)   // answer the visitor after this
 *
 * While a write of a scope is under way, its next hits wait together and go as one block. When `put` fails the block is
 * spilled under the same key, where recover.ts puts it if absent: a put that timed out and happened all the same is
 * then not doubled. When both fail the hits are reported untracked. Never a silent loss, never a visitor stuck.
 */
import { randomBytes } from 'node:crypto'
import type { Hit, HitBlock } from '../facts.ts'
import { classVersion } from '../track/classify.ts'
import { packHits } from '../track/pack.ts'
import { hitLanes, type Key, keys } from './keys.ts'

export interface HitScope {
  ws: string
  cmp?: string | undefined
  windowMs?: number | undefined
  host: string
}

export type HitOutcome = 'stored' | 'spilled' | 'untracked'

/** A block as it lies in the facts table. */
export interface StoredBlock extends Omit<HitBlock, 'hits'>, Key {
  /** See shared/track/pack.ts. */
  hits: string
  /** Epoch seconds of the wall. */
  ttl: number
}

export interface HitWriter {
  write(scope: HitScope, hit: Hit): Promise<HitOutcome>
}

export interface HitWriterOptions {
  put(block: StoredBlock): Promise<unknown>
  spill(block: StoredBlock): Promise<unknown>
  wall(): number
  onUntracked(count: number, reason: unknown): void
  /** How many writes of one scope may be under way. */
  atOnce?: number
}

const TURNS = Number(process.env.TURNS ?? 1),
  ATONCE = Number(process.env.ATONCE ?? 1)
const maxHits = 64
const maxBytes = 64_000
const keptSeconds = 400 * 86_400

interface Batch {
  hits: Hit[]
  bytes: number
  done: Promise<HitOutcome>
  settle: (outcome: HitOutcome) => void
}

interface Group {
  scope: HitScope
  underWay: number
  waiting: Batch[]
}

export function createHitWriter({ put, spill, wall, onUntracked, atOnce = ATONCE }: HitWriterOptions): HitWriter {
  const groups = new Map<string, Group>()
  const nextKey = createBlockKeys()

  async function commit(block: StoredBlock, count: number): Promise<HitOutcome> {
    try {
      await put(block)
      return 'stored'
    } catch {
      try {
        await spill(block)
        return 'spilled'
      } catch (error) {
        onUntracked(count, error)
        return 'untracked'
      }
    }
  }

  async function drain(id: string, group: Group): Promise<void> {
    group.underWay++
    while (group.waiting.length > 0) {
      for (let i = 0; i < TURNS; i++) await new Promise((resolve) => setImmediate(resolve))
      const batch = group.waiting.shift()
      if (!batch) break
      const ttl = Math.floor(wall() / 1000) + keptSeconds
      const block = blockOf(group.scope, batch.hits, nextKey(group.scope, batch.hits[0]!.t), ttl)
      batch.settle(await commit(block, batch.hits.length))
    }
    if (--group.underWay === 0) groups.delete(id)
  }

  return {
    write(scope, hit) {
      const id = `${scope.ws} ${scope.cmp ?? ''} ${scope.windowMs ?? ''} ${scope.host}`
      const group = groups.get(id) ?? { scope, underWay: 0, waiting: [] }
      groups.set(id, group)
      const batch = join(group.waiting, hit)
      if (group.underWay < atOnce) void drain(id, group)
      return batch.done
    },
  }
}

/** Adds the hit to the last batch that has room, or to a new one. */
function join(waiting: Batch[], hit: Hit): Batch {
  const bytes = bytesOf(hit)
  let batch = waiting.at(-1)
  if (!batch || batch.hits.length >= maxHits || batch.bytes + bytes > maxBytes) {
    const { promise, resolve } = Promise.withResolvers<HitOutcome>()
    batch = { hits: [], bytes: 0, done: promise, settle: resolve }
    waiting.push(batch)
  }
  batch.hits.push(hit)
  batch.bytes += bytes
  return batch
}

/** An upper estimate, cheaper than serializing: a header's character takes two bytes at most. */
function bytesOf(hit: Hit): number {
  return 200 + 2 * (hit.s.length + (hit.ua?.length ?? 0) + (hit.r?.length ?? 0))
}

function blockOf(scope: HitScope, hits: Hit[], key: Key, ttl: number): StoredBlock {
  const block: StoredBlock = {
    ...key,
    type: 'hits',
    ws: scope.ws,
    host: scope.host,
    cv: classVersion,
    hits: packHits(hits),
    ttl,
  }
  if (scope.cmp !== undefined) block.cmp = scope.cmp
  if (scope.windowMs !== undefined) block.windowMs = scope.windowMs
  return block
}

/** Keys that no other process makes: a random name of this one, and a count that also walks the lanes. */
function createBlockKeys(): (scope: HitScope, t: number) => Key {
  const writer = randomBytes(9).toString('base64url')
  let count = randomBytes(1)[0]!
  return (scope, t) => {
    count++
    return keys.hits(scope.ws, scope.cmp, count % hitLanes, t, `${writer}.${count.toString(36)}`)
  }
}

/** A spilled block. @throws on anything else: such a message belongs in the dead-letter queue. */
export function readBlock(text: string): StoredBlock {
  const block = JSON.parse(text) as Partial<StoredBlock> | null
  const placed = block?.pk?.startsWith('H#') && typeof block.sk === 'string'
  if (!placed || block?.type !== 'hits' || !Array.isArray(block?.hits)) throw new TypeError('not a hit block')
  return block as StoredBlock
}
