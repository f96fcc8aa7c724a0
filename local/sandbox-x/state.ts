/** Everything sandbox X knows, rebuilt by applying the journal's entries in order. Nothing else changes it. */
import { createMeter, type LimitName, type Limits, type Meter, type WindowKind } from './limits.ts'
import type { Misbehaviour, Mishap } from './misbehaviour.ts'

export interface SandboxUser {
  id: string
  username: string
  name: string
  followers?: number
  /** false: a message to this person is refused. */
  receivesDm?: boolean
}

export interface SandboxPost {
  id: string
  /** User ids, most recent first. */
  retweetedBy?: string[]
  quotes?: { id: string; authorId: string; text: string }[]
}

export type CallOutcome =
  | 'delivered'
  | 'rate_limited'
  | 'unauthorized'
  | 'no_credits'
  | 'recipient_forbidden'
  | 'sender_forbidden'
  | 'account_cap'
  | 'invalid'
  | 'failed'

/** One call to send a message, as X saw it. */
export interface Call {
  n: number
  /** Campaign time. */
  at: number
  sender: string
  participant: string
  outcome: CallOutcome
  /** The status that went out, or what became of the answer. */
  answered: number | 'hang' | 'reset' | 'truncate'
  mishap?: Mishap
  /** Taken from the participant's script, which is one shorter now. */
  scripted?: true
  /** Made before the reset that this sender's last 429 had named. */
  early?: true
  /** Of a 429: the reset it named; with `mishap`, calls are refused until then. */
  waitUntil?: number
  /** The message, when it was delivered. */
  id?: string
  text?: string
}

export interface Message {
  n: number
  id: string
  sender: string
  participant: string
  text: string
  at: number
}

export interface Token {
  user: string
  access: string
  refresh: string
  expiresAt: number
}

export type Entry =
  | ({ type: 'call' } & Call)
  | ({ type: 'token'; used?: string } & Token)
  | { type: 'read'; endpoint: LimitName; user: string; at: number }
  | { type: 'script'; script: Misbehaviour }

const spending: ReadonlySet<CallOutcome> = new Set([
  'delivered',
  'recipient_forbidden',
  'sender_forbidden',
  'account_cap',
  'failed',
])

export type State = ReturnType<typeof createState>

export function createState(limits: Limits, window: WindowKind) {
  const meters = new Map<string, Meter>()
  const state = {
    calls: [] as Call[],
    messages: [] as Message[],
    access: new Map<string, Token>(),
    refresh: new Map<string, Token>(),
    /** Per sender: the reset its last 429 named, and until when a drawn 429 keeps refusing. */
    told: new Map<string, number>(),
    held: new Map<string, number>(),
    script: {} as Misbehaviour,
    meter(name: LimitName, user: string): Meter {
      const key = `${name} ${name === 'dmSendAppDay' ? '' : user}`
      const known = meters.get(key)
      if (known) return known
      const made = createMeter(limits[name], name === 'accountDay' ? 'sliding' : window)
      meters.set(key, made)
      return made
    },
    apply: (entry: Entry): void => apply(state, entry),
  }
  return state
}

function apply(state: State, entry: Entry): void {
  if (entry.type === 'call') applyCall(state, entry)
  if (entry.type === 'read') state.meter(entry.endpoint, entry.user).spend(entry.at)
  if (entry.type === 'script') state.script = structuredClone(entry.script)
  if (entry.type === 'token') {
    if (entry.used !== undefined) state.refresh.delete(entry.used)
    state.access.set(entry.access, entry)
    state.refresh.set(entry.refresh, entry)
  }
}

function applyCall(state: State, { type: _, ...call }: { type: 'call' } & Call): void {
  const { sender, participant, at, id, text } = call
  state.calls.push(call)
  if (call.scripted) state.script.participants?.[participant]?.shift()
  if (call.waitUntil !== undefined) {
    state.told.set(sender, call.waitUntil)
    if (call.mishap) state.held.set(sender, call.waitUntil)
  }
  if (spending.has(call.outcome)) {
    for (const name of ['dmSend', 'dmSendUserDay', 'dmSendAppDay'] as const) state.meter(name, sender).spend(at)
  }
  if (id !== undefined && text !== undefined) {
    state.meter('accountDay', sender).spend(at)
    state.messages.push({ n: state.messages.length + 1, id, sender, participant, text, at })
  }
}
