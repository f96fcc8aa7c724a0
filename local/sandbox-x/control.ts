/** What only a sandbox has: looking at what was delivered and what was called, and telling it how to misbehave. */
import { problem } from './answer.ts'
import type { Misbehaviour } from './misbehaviour.ts'
import type { Route } from './sandbox.ts'

/** `GET /sandbox/messages?after=N`: delivered messages in order; `n` counts from 1. */
export const messages: Route = (x, { query }) => ({
  status: 200,
  body: { messages: x.state.messages.slice(Number(query.get('after') ?? 0) || 0) },
})

/** `GET /sandbox/calls?after=N`: every call to send, with its outcome; the words stay in `messages`. */
export const calls: Route = (x, { query }) => ({
  status: 200,
  body: { calls: x.state.calls.slice(Number(query.get('after') ?? 0) || 0).map(({ text: _, ...call }) => call) },
})

/** `POST /sandbox/script`: replaces how it misbehaves. */
export const script: Route = (x, { body }) => {
  const { rate429 = 0, rate5xx = 0, timeoutAfterAccept = 0, resetAfterAccept = 0, truncated = 0 } = body as Misbehaviour
  const sum = rate429 + rate5xx + timeoutAfterAccept + resetAfterAccept + truncated
  if (!(sum <= 1)) return problem(400, `The probabilities add up to ${sum}; at most 1 is possible.`)
  x.record({ type: 'script', script: body as Misbehaviour })
  return { status: 204, body: undefined }
}
