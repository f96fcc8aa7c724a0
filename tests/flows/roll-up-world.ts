/**
 * Two invented campaigns with everything that may confuse a count, and what they must add up to: an oracle in plain
 * loops over the facts, which shares no code with the roll-up.
 */
import type { Fact, Hit, HitBlock, Link, Recipient, RecipientStatus, Relay, Segments } from '../../shared/facts.ts'
import { hitLanes, type Key, keys } from '../../shared/table/keys.ts'
import { packHits } from '../../shared/track/pack.ts'

export const ws = 'ws_rollup'
export const host = 'pass.example'
const day0 = Date.UTC(2026, 8, 1)
const hourMs = 3_600_000
const windowMs = 72 * hourMs

/** Deterministic numbers in [0, 1). */
export function createRandom(seed: number) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    below: (n: number) => Math.floor(next() * n),
    chance: (p: number) => next() < p,
    pick: <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)]!,
    shuffle<T>(items: T[]): T[] {
      for (let i = items.length - 1; i > 0; i--) {
        const j = Math.floor(next() * (i + 1))
        ;[items[i], items[j]] = [items[j]!, items[i]!]
      }
      return items
    },
  }
}

export type Random = ReturnType<typeof createRandom>
/** Blocks lie packed in the table. */
export type Stored = (Exclude<Fact, HitBlock> | (Omit<HitBlock, 'hits'> & { hits: string })) & Key

export interface World {
  cmps: string[]
  /** Puts of one item stay in order; different items may be written in any. */
  histories: Stored[][]
  recipients: Recipient[]
  asks: Link[]
  relays: Relay[]
  blocks: HitBlock[]
}

export function inventWorld(random: Random, people: number): World {
  const world: World = { cmps: ['cmp_one', 'cmp_two'], histories: [], recipients: [], asks: [], relays: [], blocks: [] }
  for (const cmp of world.cmps) inventCampaign(random, world, cmp, people)
  random.shuffle(world.histories)
  return world
}

function inventCampaign(random: Random, world: World, cmp: string, people: number): void {
  const hits: Hit[] = []
  for (let i = 1; i <= people; i++) {
    const segments: Segments = { lang: random.pick(['fr', 'en']), tier: random.pick(['<100', '1k-9999']) }
    const sentAt = day0 + i * 61_000 + random.below(1000)
    const sent = inventRecipient(random, world, cmp, i, segments, sentAt)
    const slug = `ask${i}${cmp}`
    const link: Link = {
      type: 'link',
      ws,
      host,
      slug,
      kind: 'ask',
      destination: 'https://example.org/',
      cmp,
      windowMs,
      segments,
      createdAt: day0,
    }
    const settled = sent ? { ...link, sentAt } : link
    world.asks.push(settled)
    world.histories.push([link, settled].map((row) => ({ ...keys.link(host, slug), ...row })))
    inventReads(random, hits, settled)
    if (sent && random.chance(0.4))
      inventRelay(random, world, hits, { cmp, parent: slug, generation: 1, sentAt, segments })
  }
  for (let i = random.below(20); i >= 0; i--)
    hits.push({ t: day0 + random.below(90 * hourMs), s: `post${cmp}`, k: 'post', v: visitor(random), ...bot(random) })
  inventBlocks(random, world, cmp, random.shuffle(hits))
}

function inventRecipient(random: Random, world: World, cmp: string, i: number, segments: Segments, sentAt: number) {
  const base: Recipient = {
    type: 'recipient',
    ws,
    cmp,
    ordinal: i,
    status: 'pending',
    xUserId: String(i),
    handle: `h${i}`,
    name: `N ${i}`,
    segments,
  }
  const status = random.pick<RecipientStatus>([
    'sent',
    'sent',
    'sent',
    'sent',
    'refused',
    'unknown',
    'suppressed',
    'pending',
  ])
  const history: Recipient[] = [base]
  if (status === 'suppressed') history[0] = { ...base, status, reason: 'no_consent' }
  else if (status !== 'pending') {
    history.push({ ...base, status: 'sending', attempt: 'att_1' })
    if (status === 'sent') history.push({ ...base, status, sentAt })
    else history.push({ ...base, status, reason: status === 'refused' ? 'forbidden' : 'timeout' })
  }
  if (random.chance(0.05)) history.push({ ...history.at(-1)!, erasedAt: day0 })
  world.recipients.push(history.at(-1)!)
  world.histories.push(history.map((row) => ({ ...keys.recipient(ws, cmp, i), ...row })))
  return status === 'sent'
}

const visitor = (random: Random) => `visitor${random.below(40)}`
const bot = (random: Random): Pick<Hit, 'b'> =>
  random.chance(0.3) ? { b: random.pick(['method', 'crawler', 'prefetch']) } : {}

function inventReads(random: Random, hits: Hit[], ask: Link): void {
  const clock = ask.sentAt === undefined ? {} : { w: ask.sentAt }
  for (let n = random.below(4); n > 0; n--) {
    const t = (ask.sentAt ?? day0) + random.below(80 * hourMs)
    hits.push({ t, s: ask.slug, k: 'ask', v: visitor(random), ...clock, sg: ask.segments!, ...bot(random) })
  }
}

type Root = Pick<Relay, 'cmp' | 'parent' | 'generation'> & { sentAt: number; segments: Segments }

function inventRelay(random: Random, world: World, hits: Hit[], root: Root): void {
  const slug = `r${root.generation}${root.parent}`
  const pressedAt = root.sentAt + random.below(80 * hourMs)
  const relay: Relay = {
    type: 'relay',
    ws,
    windowMs,
    host,
    slug,
    channel: random.pick(['x', 'copy', 'email']),
    pressedAt,
    ...root,
  }
  if (random.chance(0.1)) relay.bot = 'crawler'
  world.relays.push(relay)
  const row = { ...keys.relay(ws, root.cmp, root.parent), ...relay }
  world.histories.push(random.chance(0.2) ? [row, row] : [row])
  for (let n = Math.floor(40 * (random.below(1000) / 1000) ** 4); n > 0; n--) {
    const own = random.chance(0.1) ? { o: 1 as const } : {}
    const t = pressedAt + random.below(20 * hourMs)
    hits.push({
      t,
      s: slug,
      k: 'relay',
      v: visitor(random),
      w: root.sentAt,
      g: root.generation,
      sg: root.segments,
      ...own,
      ...bot(random),
    })
  }
  if (root.generation < 3 && random.chance(0.3))
    inventRelay(random, world, hits, { ...root, parent: slug, generation: root.generation + 1 })
}

/** Blocks of 1 to 64, in no order, some written twice as a put is that timed out and happened. */
function inventBlocks(random: Random, world: World, cmp: string, hits: Hit[]): void {
  for (let at = 0, n = 0; at < hits.length; n++) {
    const size = random.chance(0.9) ? 1 : 1 + random.below(64)
    const block: HitBlock = { type: 'hits', ws, cmp, windowMs, host, cv: 1, hits: hits.slice(at, at + size) }
    world.blocks.push(block)
    const row: Stored = {
      ...keys.hits(ws, cmp, n % hitLanes, block.hits[0]!.t, `b${n}`),
      ...block,
      hits: packHits(block.hits),
    }
    world.histories.push(random.chance(0.2) ? [row, row] : [row])
    at += size
  }
}

/** What must come out: `campaign total field` → number, zeros left out. Hits of `uncounted` blocks are not yet in. */
export function oracle(world: World, uncounted = new Set<HitBlock>()): Record<string, number> {
  const sums: Record<string, number> = {}
  const add = (cmp: string, name: string, field: string) => {
    sums[`${cmp} ${name} ${field}`] = (sums[`${cmp} ${name} ${field}`] ?? 0) + 1
  }
  const places = (t: number, segments: Segments = {}) => [
    'CAMPAIGN',
    `HOUR#${new Date(t).toISOString().substring(0, 13)}`,
    ...Object.entries(segments).map(([name, value]) => `SEG#${name}=${value}`),
  ]
  for (const one of world.recipients) {
    if (one.erasedAt !== undefined) continue
    add(one.cmp, 'CAMPAIGN', 'recipients')
    if (one.status !== 'sent') add(one.cmp, 'CAMPAIGN', one.status)
    else for (const place of places(one.sentAt!, one.segments)) add(one.cmp, place, 'sent')
    if (one.reason) add(one.cmp, 'CAMPAIGN', `${one.status}_${one.reason}`)
  }
  const reads = new Map<string, number>()
  const read = (slug: string, t: number) => reads.set(slug, Math.min(t, reads.get(slug) ?? t))
  for (const relay of world.relays) {
    if (relay.bot) continue
    const late = relay.pressedAt > relay.sentAt! + windowMs
    const field = late ? 'lateRelays' : relay.generation === 1 ? 'relays' : 'laterRelays'
    for (const place of places(relay.pressedAt, relay.segments)) add(relay.cmp, place, field)
    if (late) continue
    add(relay.cmp, `LINK#relay#${host}#${relay.slug}`, field)
    add(relay.cmp, 'CAMPAIGN', `channel_${relay.channel}`)
    if (relay.generation === 1) read(relay.parent, relay.pressedAt)
  }
  const visits = new Set<string>()
  const days = new Set<string>()
  for (const block of world.blocks) {
    const cmp = block.cmp!
    for (const hit of block.hits) {
      const link = `LINK#${hit.k}#${host}#${hit.s}`
      const late = hit.w !== undefined && hit.t > hit.w + windowMs
      if (!uncounted.has(block)) {
        for (const place of [...places(hit.t), link]) {
          add(cmp, place, 'hits')
          if (hit.b) add(cmp, place, 'bots')
        }
        if (hit.b) add(cmp, 'CAMPAIGN', `bot_${hit.b}`)
        if (hit.o) add(cmp, 'CAMPAIGN', 'ownHits')
        if (!hit.b && late) add(cmp, 'CAMPAIGN', 'outOfWindow')
      }
      if (hit.b || hit.o || late) continue
      if (hit.k === 'ask') {
        if (hit.w !== undefined) read(hit.s, hit.t)
        continue
      }
      const field = hit.k === 'post' ? 'postVisits' : hit.g === 1 ? 'visits' : 'laterVisits'
      const [, ...segments] = places(hit.t, hit.sg).filter((place) => !place.startsWith('HOUR#'))
      const visit = `${hit.s} ${hit.v} ${Math.floor(hit.t / 1_800_000)}`
      if (!visits.has(visit)) for (const place of [...places(hit.t, hit.sg), link]) add(cmp, place, field)
      visits.add(visit)
      const day = `${hit.s} ${hit.v} ${new Date(hit.t).toISOString().substring(0, 10)}`
      if (!days.has(day)) for (const place of ['CAMPAIGN', ...segments, link]) add(cmp, place, 'visitorDays')
      days.add(day)
    }
  }
  for (const ask of world.asks) {
    const t = reads.get(ask.slug)
    if (t !== undefined) for (const place of places(t, ask.segments)) add(ask.cmp!, place, 'readers')
  }
  return sums
}
