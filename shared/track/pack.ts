/**
 * The hits of a block as one text: JSON with `'` for quotes. A row says the time since the first hit, slug, visitor, and
 * then, for what many hits share (user agent, kind, clock, …), where in the list of `said` values it stands.
 *
 *     {'t':1764000000000,'said':['Mozilla/5.0 …','relay'],'rows':[[0,'kX2…','9f3…',0,1]]}
 *
 * One attribute instead of a tree of up to 64 × 13, no quote to be escaped on its way, and each user agent once: an
 * engine then writes and streams a full block ten times cheaper (docs/decisions/redirect-owns-its-wire.md).
 */
import type { Hit, HitBlock } from '../facts.ts'

/** From the fourth value of a row on. Added at the end, never moved: stored blocks are read by this order. */
const shared = ['ua', 'k', 'w', 'g', 'sg', 'r', 'la', 'co', 'b', 'o'] as const satisfies (keyof Hit)[]

interface Packed {
  t: number
  said: unknown[]
  rows: [t: number, s: string, v: string, ...places: (number | null)[]][]
}

export function packHits(hits: readonly Hit[]): string {
  const t = hits[0]?.t ?? 0
  const said = new Map<unknown, number>()
  const place = (value: unknown): number | null => {
    if (value === undefined) return null
    const known = said.get(value)
    if (known !== undefined) return known
    said.set(value, said.size)
    return said.size - 1
  }
  const rows = hits.map((hit) => {
    // Written out: a loop over `shared` here would take twice the time of the whole rest.
    const row: unknown[] = [
      hit.t - t,
      hit.s,
      hit.v,
      place(hit.ua),
      place(hit.k),
      place(hit.w),
      place(hit.g),
      place(hit.sg),
    ]
    row.push(place(hit.r), place(hit.la), place(hit.co), place(hit.b), place(hit.o))
    while (row.at(-1) === null) row.pop()
    return row
  })
  const json = JSON.stringify({ t, said: [...said.keys()], rows })
  return json.replaceAll("'", '\\u0027').replaceAll('"', "'")
}

function unpackHits(text: string): Hit[] {
  const { t, said, rows } = JSON.parse(text.replaceAll("'", '"')) as Packed
  return rows.map(([after, s, v, ...places]) => {
    const fields = shared.flatMap((name, i) => {
      const at = places[i] ?? null
      return at === null ? [] : [[name, said[at]] as const]
    })
    return { t: t + after, s, v, ...Object.fromEntries(fields) } as Hit
  })
}

/** A block as stored (hits packed) or as in memory (hits a list): as in memory. @throws on what is neither. */
export function unpackBlock(item: object): HitBlock {
  const { hits, ...block } = item as Record<string, unknown>
  const list = typeof hits === 'string' ? unpackHits(hits) : hits
  if (block.type !== 'hits' || !Array.isArray(list)) throw new TypeError('not a hit block')
  return { ...block, hits: list } as HitBlock
}
