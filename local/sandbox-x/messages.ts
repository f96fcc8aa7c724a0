/** Direct messages: sending one under X's limits and refusals, and reading them back. */
import { type Answer, cannotMessage, limitHeaders, noCredits, notPermitted, problem } from './answer.ts'
import { drawMishap, type Mishap } from './misbehaviour.ts'
import { type Asked, accountOf, limited, paged, pick, type Route, type Sandbox } from './sandbox.ts'
import type { Call, CallOutcome, Message } from './state.ts'

const mostCharacters = 10_000
const reachBackMs = 30 * 24 * 3_600_000
const snowflakeEpochMs = 1_288_834_974_657

interface Verdict {
  outcome: CallOutcome
  status: number
  detail?: string
  lost?: Exclude<Answer['lost'], undefined>
  /** 2xx without a message in it. */
  empty?: true
  waitUntil?: number
}

const unauthorized: Verdict = { outcome: 'unauthorized', status: 401 }
const delivered: Verdict = { outcome: 'delivered', status: 201 }

const verdicts: Record<Exclude<Mishap, 'rate_limited'>, Verdict> = {
  unauthorized,
  no_credits: { outcome: 'no_credits', status: 402, detail: noCredits },
  forbidden: { outcome: 'recipient_forbidden', status: 403, detail: cannotMessage },
  sender_forbidden: { outcome: 'sender_forbidden', status: 403, detail: notPermitted },
  server_error: { outcome: 'failed', status: 503 },
  server_error_after_accept: { outcome: 'delivered', status: 503 },
  timeout: { outcome: 'failed', status: 503, lost: 'hang' },
  timeout_after_accept: { ...delivered, lost: 'hang' },
  reset_after_accept: { ...delivered, lost: 'reset' },
  truncated_after_accept: { ...delivered, lost: 'truncate' },
  no_event_id: { outcome: 'failed', status: 200, empty: true },
}

/** `POST /2/dm_conversations/with/:participant_id/messages` */
export const send: Route = (x, asked) => {
  const at = x.clock.campaign()
  const n = x.state.calls.length + 1
  const participant = asked.params[0]!
  const sender = accountOf(x, asked)
  const text = asked.body.text
  const call = { n, at, sender: sender ?? '', participant }
  if (sender === undefined) return settle(x, call, unauthorized)
  if (typeof text !== 'string' || text === '' || text.length > mostCharacters || !/^\d{1,19}$/.test(participant)) {
    const detail = 'One or more parameters to your request was invalid.'
    return settle(x, call, { outcome: 'invalid', status: 400, detail })
  }
  const waitUntil = closedUntil(x, sender, at)
  if (waitUntil !== undefined) return settle(x, call, { outcome: 'rate_limited', status: 429, waitUntil })
  const { mishap, scripted } = nextMishap(x, participant, n)
  const marks = { ...(mishap && { mishap }), ...(scripted && { scripted }) }
  return settle(x, { ...call, ...marks }, judge(x, sender, participant, at, mishap), text)
}

function judge(x: Sandbox, sender: string, participant: string, at: number, mishap: Mishap | undefined): Verdict {
  if (mishap === 'rate_limited') {
    const until = Math.ceil((at + (x.state.script.rate429ForMs ?? 60_000)) / 1000) * 1000
    return { outcome: 'rate_limited', status: 429, waitUntil: until }
  }
  if (mishap === 'unauthorized' || mishap === 'no_credits') return verdicts[mishap]
  if (x.state.meter('accountDay', sender).read(at).remaining <= 0) {
    return { outcome: 'account_cap', status: 403, detail: notPermitted }
  }
  if (x.users.get(participant)?.receivesDm === false) return verdicts.forbidden
  return mishap ? verdicts[mishap] : delivered
}

/** Until when X refuses this sender, if it does: a limit that is used up, or a drawn 429 that still holds. */
function closedUntil(x: Sandbox, sender: string, at: number): number | undefined {
  const resets = sendReadings(x, sender, at)
    .filter(([, reading]) => reading.remaining <= 0)
    .map(([, reading]) => reading.resetAtMs)
  const held = x.state.held.get(sender) ?? 0
  if (held > at) resets.push(held)
  return resets.length > 0 ? Math.max(...resets) : undefined
}

function sendReadings(x: Sandbox, sender: string, at: number) {
  return [
    ['x-rate-limit', x.state.meter('dmSend', sender).read(at)],
    ['x-user-limit-24hour', x.state.meter('dmSendUserDay', sender).read(at)],
    ['x-app-limit-24hour', x.state.meter('dmSendAppDay', sender).read(at)],
  ] as const
}

function nextMishap(x: Sandbox, participant: string, n: number): { mishap?: Mishap | undefined; scripted?: true } {
  const [scripted] = x.state.script.participants?.[participant] ?? []
  return scripted ? { mishap: scripted, scripted: true } : { mishap: drawMishap(x.state.script, participant, n) }
}

/** Records the call, and the message with it, before anything is answered. */
function settle(x: Sandbox, begun: Omit<Call, 'outcome' | 'answered'>, verdict: Verdict, text?: string): Answer {
  const { outcome, status, lost, waitUntil } = verdict
  const call: Call = { ...begun, outcome, answered: lost ?? status }
  if (begun.at < (x.state.told.get(begun.sender) ?? 0)) call.early = true
  if (waitUntil !== undefined) call.waitUntil = waitUntil
  if (outcome === 'delivered' && text !== undefined) {
    call.id = String((BigInt(begun.at - snowflakeEpochMs) << 22n) | BigInt(begun.n % 2 ** 22))
    call.text = text
  }
  x.record({ type: 'call', ...call })
  if (call.text !== undefined) x.opener?.open(call.text)
  return { ...answerOf(verdict, call), headers: sendHeaders(x, call), ...(lost && { lost }) }
}

function answerOf(verdict: Verdict, call: Call): Answer {
  if (verdict.empty) return { status: 200, body: { errors: [{ title: 'Not Found', detail: 'Nothing was made.' }] } }
  if (verdict.status !== 201) return problem(verdict.status, verdict.detail)
  const data = { dm_conversation_id: conversationOf(call.sender, call.participant), dm_event_id: call.id }
  return { status: 201, body: { data } }
}

function sendHeaders(x: Sandbox, { sender, at }: Call): Record<string, string> {
  if (sender === '') return {}
  const held = x.state.held.get(sender) ?? 0
  const headers = sendReadings(x, sender, at).map(([prefix, reading]) => {
    const shut = prefix === 'x-rate-limit' && held > at
    return limitHeaders(prefix, shut ? { ...reading, remaining: 0, resetAtMs: held } : reading)
  })
  return Object.assign({}, ...headers)
}

function conversationOf(a: string, b: string): string {
  return BigInt(a) < BigInt(b) ? `${a}-${b}` : `${b}-${a}`
}

/** `GET /2/dm_conversations/with/:participant_id/dm_events`, newest first. */
export const conversation = limited('dmEvents', (x, asked, user) =>
  events(x, asked, user, (message) => message.participant === asked.params[0]),
)

/** `GET /2/dm_events`, newest first. */
export const allEvents = limited('dmEvents', (x, asked, user) => events(x, asked, user, () => true))

function events(x: Sandbox, asked: Asked, user: string, wanted: (message: Message) => boolean) {
  const since = x.clock.campaign() - reachBackMs
  const found = x.state.messages.filter((message) => message.sender === user && message.at >= since && wanted(message))
  return paged(found.reverse(), asked, 100, (message) =>
    pick(eventOf(message), ['id', 'event_type', 'text'], asked.query.get('dm_event.fields')),
  )
}

function eventOf({ id, text, sender, participant, at }: Message): Record<string, unknown> {
  return {
    id,
    event_type: 'MessageCreate',
    text,
    sender_id: sender,
    dm_conversation_id: conversationOf(sender, participant),
    created_at: new Date(at).toISOString(),
  }
}
