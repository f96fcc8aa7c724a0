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
  let rows = ''
  for (const hit of hits) {
    let row = `[${hit.t - t},${quote(hit.s)},${quote(hit.v)}`
    let blanks = ''
    // In the order of `shared`, written out: reading the fields by name in a loop takes twice the time of the rest.
    for (const value of [hit.ua, hit.k, hit.w, hit.g, hit.sg, hit.r, hit.la, hit.co, hit.b, hit.o]) {
      if (value === undefined) {
        blanks += ',null'
        continue
      }
      const place = said.get(value) ?? said.size
      if (place === said.size) said.set(value, place)
      row += `${blanks},${place}`
      blanks = ''
    }
    rows += rows === '' ? `${row}]` : `,${row}]`
  }
  return `{'t':${t},'said':${quote([...said.keys()])},'rows':[${rows}]}`
}

/** As JSON with `'` for quotes; slugs and visitors hold nothing to escape. */
function quote(value: unknown): string {
  if (typeof value === 'string' && /^[\w-]*$/.test(value)) return `'${value}'`
  return JSON.stringify(value).replaceAll("'", '\\u0027').replaceAll('"', "'")
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
