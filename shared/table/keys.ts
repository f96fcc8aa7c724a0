/**
 * Every key pattern of every table. Nothing else in the project writes a key by hand.
 *
 * | table     | pk                     | sk                         | item |
 * |-----------|------------------------|----------------------------|------|
 * | facts     | `W#ws`                 | `CMP#cmp`                  | campaign |
 * | facts     | `C#ws#cmp`             | `RCP#0000001`              | recipient, by ordinal |
 * | facts     | `C#ws#cmp`             | `XID#xUserId`              | which ordinal a person has: no one is twice in a campaign |
 * | facts     | `C#ws#cmp`             | `RLY#person`               | relay, once per person |
 * | facts     | `L#host#slug`          | `LINK`                     | link |
 * | facts     | `H#ws#cmp#lane`        | `time#block`               | hit block (plain links: `H#ws##lane`) |
 * | facts     | `V#host#slug`          | `day#visitor`              | visitor-day |
 * | facts     | `S#ws`                 | token                      | suppression |
 * | facts     | `N#ws`                 | id                         | notice |
 * | facts     | `AGENDA`               | `time#ws#cmp`              | a launch waiting for its time |
 * | totals    | `T#ws#cmp`             | `CAMPAIGN`                 | the campaign's one aggregate item |
 * | totals    | `T#ws#cmp`             | `HOUR#2026-11-24T10`       | per hour |
 * | totals    | `T#ws#cmp`             | `LINK#kind#host#slug`      | per link |
 * | totals    | `T#ws#cmp`             | `SEG#lang=fr`              | per segment |
 * | totals    | `T#ws#`                | as above                   | plain links of a workspace |
 * | totals    | `DEAD`                 | `shard:sequence`           | dead letter |
 * | totals    | `SHARD`                | shard                      | the roll-up's own checkpoint |
 * | directory | `W#ws`                 | `WORKSPACE`                | workspace |
 * | directory | `KEY#sha256`           | `KEY`                      | API key |
 * | directory | `W#ws`                 | `ACC#acc`                  | X account |
 * | directory | `A#acc`                | `TURN`                     | the account's turn |
 * | directory | `A#acc`                | `TOKEN`                    | its OAuth tokens, encrypted |
 * | directory | `A#acc`                | `RUN#cmp`                  | a campaign this account is sending |
 * | directory | `TURNS`                | acc                        | accounts the watchdog looks after |
 * | directory | `SECRET`               | name                       | a secret under the vault's key |
 * | ephemera  | `SALT#day`             | `SALT`                     | the visitor hash's salt of one day |
 * | ephemera  | `SENDS#acc`            | `0000..1439`               | when send i was answered, i modulo 1,440 |
 * | ephemera  | `IDEM#ws`              | key                        | an idempotent answer |
 */

export interface Key {
  pk: string
  sk: string
}

const pad = (n: number, width: number): string => String(n).padStart(width, '0')

/** How long hit blocks and visitor-days are kept. */
export const factLifeSeconds = 400 * 86_400
/** Hit blocks of one campaign are spread over this many partitions. */
export const hitLanes = 16
/** X's longest limit counts this many sends. */
export const sendRing = 1440

export const keys = {
  campaign: (ws: string, cmp: string): Key => ({ pk: `W#${ws}`, sk: `CMP#${cmp}` }),
  recipient: (ws: string, cmp: string, ordinal: number): Key => ({
    pk: `C#${ws}#${cmp}`,
    sk: `RCP#${pad(ordinal, 7)}`,
  }),
  person: (ws: string, cmp: string, xUserId: string): Key => ({ pk: `C#${ws}#${cmp}`, sk: `XID#${xUserId}` }),
  relay: (ws: string, cmp: string, person: string): Key => ({ pk: `C#${ws}#${cmp}`, sk: `RLY#${person}` }),
  link: (host: string, slug: string): Key => ({ pk: `L#${host}#${slug}`, sk: 'LINK' }),
  hits: (ws: string, cmp: string | undefined, lane: number, at: number, block: string): Key => ({
    pk: `H#${ws}#${cmp ?? ''}#${lane}`,
    sk: `${pad(at, 15)}#${block}`,
  }),
  visitorDay: (host: string, slug: string, day: string, visitor: string): Key => ({
    pk: `V#${host}#${slug}`,
    sk: `${day}#${visitor}`,
  }),
  suppression: (ws: string, token: string): Key => ({ pk: `S#${ws}`, sk: token }),
  notice: (ws: string, id: string): Key => ({ pk: `N#${ws}`, sk: id }),
  agenda: (at: number, ws: string, cmp: string): Key => ({ pk: 'AGENDA', sk: `${pad(at, 15)}#${ws}#${cmp}` }),

  /** `name` is one of shared/track/total-names.ts. */
  total: (ws: string, cmp: string | undefined, name: string): Key => ({ pk: `T#${ws}#${cmp ?? ''}`, sk: name }),
  deadLetter: (shard: string, sequence: string): Key => ({ pk: 'DEAD', sk: `${shard}:${sequence}` }),
  shard: (shard: string): Key => ({ pk: 'SHARD', sk: shard }),

  workspace: (ws: string): Key => ({ pk: `W#${ws}`, sk: 'WORKSPACE' }),
  apiKey: (sha256: string): Key => ({ pk: `KEY#${sha256}`, sk: 'KEY' }),
  account: (ws: string, acc: string): Key => ({ pk: `W#${ws}`, sk: `ACC#${acc}` }),
  turn: (acc: string): Key => ({ pk: `A#${acc}`, sk: 'TURN' }),
  token: (acc: string): Key => ({ pk: `A#${acc}`, sk: 'TOKEN' }),
  run: (acc: string, cmp: string): Key => ({ pk: `A#${acc}`, sk: `RUN#${cmp}` }),
  watched: (acc: string): Key => ({ pk: 'TURNS', sk: acc }),
  secret: (name: string): Key => ({ pk: 'SECRET', sk: name }),

  salt: (day: string): Key => ({ pk: `SALT#${day}`, sk: 'SALT' }),
  send: (acc: string, index: number): Key => ({ pk: `SENDS#${acc}`, sk: pad(index % sendRing, 4) }),
  idempotency: (ws: string, key: string): Key => ({ pk: `IDEM#${ws}`, sk: key }),
} as const

/** The UTC day of a time, as in `2026-11-24`. */
export const dayOf = (t: number): string => new Date(t).toISOString().slice(0, 10)
