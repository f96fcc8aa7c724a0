/**
 * What is stored in the facts table, one interface per `type`. Types only: every folder may import them.
 *
 * All times are milliseconds of the campaign clock unless the name says `wall`.
 */

export type LinkKind = 'plain' | 'ask' | 'relay' | 'post'
export type CampaignState = 'draft' | 'scheduled' | 'sending' | 'paused' | 'tracking' | 'completed' | 'cancelled'
export type Delivery = 'x_dm' | 'external' | 'public_post'
/** aggregate: once a send is settled nothing stored joins an X id to a link. individual: consent covers tracking. */
export type Privacy = 'aggregate' | 'individual'
export type RecipientStatus = 'pending' | 'sending' | 'sent' | 'refused' | 'unknown' | 'suppressed'
export type SuppressedReason = 'no_consent' | 'opted_out' | 'capped' | 'duplicate'
export type Tier = '<100' | '100-999' | '1k-9999' | '>=10k'
export type Language = 'fr' | 'en'

/** Labels a link may carry in either privacy mode: too coarse to name anybody. */
export interface Segments {
  lang?: string
  tier?: Tier
}

export interface Consent {
  basis: 'dm_first' | 'opt_in'
  /** What shows it: a message id, a form entry, a date and place. Never the text of a message. */
  evidence: string
  at: number
}

export interface Campaign {
  type: 'campaign'
  ws: string
  id: string
  name: string
  /** Shown on top of the relay page: who asks. */
  sender: string
  state: CampaignState
  delivery: Delivery
  privacy: Privacy
  /** Where a relay link leads. Always `new URL().href` of an http(s) URL. */
  destination: string
  /** LiquidJS, with the recipient's fields and `link`. */
  message: string
  /** The text a relayer is offered to post, before their link. Theirs to edit. */
  relayText: string
  /** The operator's own post on X, when there is one to repost. */
  postId?: string
  account: string
  windowMs: number
  /** Adds `?via=<slug>` to the destination, so that its page can offer "pass it on". */
  passItOn: boolean
  createdAt: number
  launchAt?: number
  startedAt?: number
  /** When the last message was settled; the last recipient's clock runs `windowMs` from here. */
  sentDoneAt?: number
  completedAt?: number
  /** When its state last changed. */
  movedAt?: number
  /** Why it is paused, in a word: `operator`, `no_credits`, `sender_refused`, `reconnect`. */
  pausedReason?: string
  /** Recipients so far, also the next ordinal. */
  recipients: number
  version: number
}

export interface Recipient {
  type: 'recipient'
  ws: string
  cmp: string
  ordinal: number
  status: RecipientStatus
  /** Of `suppressed` and `refused`. */
  reason?: string
  xUserId: string
  handle: string
  name: string
  segments: Segments
  followers?: number
  consent?: Consent
  /** The attempt that holds this recipient while `sending`. */
  attempt?: string
  /** Wall clock: past it, an attempt without a receipt is `unknown`. */
  deadlineWall?: number
  /** The ask link's slug. In `aggregate` it is dropped once the send is settled. */
  slug?: string
  /** In `aggregate`, once settled, cut to the hour: finer would join the row to its link. */
  sentAt?: number
  /** Of `refused` and `unknown`: when that was settled, cut in the same way. */
  settledAt?: number
  /** Only in `individual`: a DM event id tells its millisecond. */
  dmEventId?: string
  erasedAt?: number
}

export interface Link {
  type: 'link'
  ws: string
  host: string
  slug: string
  kind: LinkKind
  destination: string
  cmp?: string
  windowMs?: number
  /** Start of the clock everything downstream of this ask keeps: when the message was sent. */
  sentAt?: number
  segments?: Segments
  /** relay only: 1 for a reader's relay, 2 and on for relays by people who came through a relay link. */
  generation?: number
  /** relay only: the slug this person came through (an ask link or another relay link). */
  parent?: string
  /** relay only: visitor hash of the relayer on the day of pressing; their own hits are not visits. */
  owner?: string
  /** ask only, derived by the roll-up: earliest human hit within the window. */
  firstReadAt?: number
  /** relay and destination: append `?via=<slug>`. */
  via?: boolean
  createdAt: number
  expiresAt?: number
  disabledAt?: number
  erasedAt?: number
}

/** Why a hit is not a person. A class is final: decided from the request and its link alone. */
export type BotReason = 'method' | 'prefetch' | 'crawler' | 'no_agent' | 'too_soon' | 'operator'

/** One request on a link. Short names: a block of one must stay within 1 kB, the unit a write is billed in. */
export interface Hit {
  /** time */
  t: number
  /** slug */
  s: string
  /** kind of the link */
  k: LinkKind
  /** bot reason; absent for a person */
  b?: BotReason
  /** visitor hash of the day (16 characters) */
  v: string
  /** 1 when the visitor is the relayer of this very link */
  o?: 1
  /** clock start (the link's sentAt) */
  w?: number
  /** generation of a relay link */
  g?: number
  /** segments of the link */
  sg?: Segments
  /** user agent, at most 256 characters */
  ua?: string
  /** referrer's host */
  r?: string
  /** country, when the edge says it */
  co?: string
  /** first language of Accept-Language */
  la?: string
}

/** Hits that were made durable by one write: same workspace, campaign and host. */
export interface HitBlock {
  type: 'hits'
  ws: string
  cmp?: string
  windowMs?: number
  host: string
  /** version of the rule that classed them */
  cv: number
  hits: Hit[]
  erasedAt?: number
}

export type RelayChannel = 'x' | 'x_repost' | 'bluesky' | 'linkedin' | 'whatsapp' | 'email' | 'copy'

/** A person passing the message on: once per person and campaign. */
export interface Relay {
  type: 'relay'
  ws: string
  cmp: string
  windowMs: number
  host: string
  /** The relay link minted for this person. */
  slug: string
  /** The slug they came through: their ask link (generation 1) or somebody's relay link. */
  parent: string
  generation: number
  channel: RelayChannel
  pressedAt: number
  /** Clock start, from the ask at the root. */
  sentAt?: number
  segments?: Segments
  /** A press that looks like a machine's is kept and never counted. */
  bot?: BotReason
  erasedAt?: number
}

/** Derived by the roll-up: one visitor on one link on one UTC day, with the half-hours they came in. */
export interface VisitorDay {
  type: 'visitor_day'
  ws: string
  cmp?: string
  host: string
  slug: string
  kind: LinkKind
  generation?: number
  segments?: Segments
  /** half-hour numbers: floor(t / 1,800,000). A set: adding twice changes nothing. */
  halfHours: Set<number>
  erasedAt?: number
}

export interface Suppression {
  type: 'suppression'
  ws: string
  /** HMAC of the X id (shared/broadcast/stop-token.ts). */
  token: string
  /** `stop_page`, `stop_word`, `import`. */
  source: string
  at: number
}

/** What happened, for webhooks and the events feed. Put if absent under a deterministic id. */
export interface Notice {
  type: 'notice'
  ws: string
  id: string
  event: string
  cmp?: string
  at: number
  data: Record<string, string | number>
}

export type Fact = Campaign | Recipient | Link | HitBlock | Relay | VisitorDay | Suppression | Notice
