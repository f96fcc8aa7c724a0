/**
 * X's API, the only place that uses its client. Every answer, and every way of not getting one, becomes a union value;
 * nothing here throws for what X or the network does, and nothing is ever tried again by itself.
 *
 *     const x = createX({ baseUrl: env.xApiUrl(), clientId, timeoutMs: 10_000 })
 *     const outcome = await x.sendDm({ accessToken, participantId, text })
 */
import { Agent as HttpAgent, type IncomingHttpHeaders } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import {
  ApiPartialResponseError,
  ApiRequestError,
  ApiResponseError,
  type ITwitterApiClientPlugin,
  TwitterApi,
  type TwitterApiOAuth2Init,
} from 'twitter-api-v2'
import { reasonOf } from '../log.ts'
import {
  type ConversationOutcome,
  conversationOutcome,
  type MeOutcome,
  meOutcome,
  type RawAnswer,
  type RefreshOutcome,
  refreshOutcome,
  type SendOutcome,
  sendOutcome,
} from './x-outcome.ts'

export type * from './x-outcome.ts'

export interface SendDm {
  accessToken: string
  participantId: string
  text: string
  /** This call's own time, when it must be shorter than the client's. */
  timeoutMs?: number
}

export interface X {
  refresh(refreshToken: string): Promise<RefreshOutcome>
  sendDm(message: SendDm): Promise<SendOutcome>
  me(accessToken: string): Promise<MeOutcome>
  conversation(asked: { accessToken: string; participantId: string }): Promise<ConversationOutcome>
}

export interface XOptions {
  /** https://api.x.com, or sandbox X. */
  baseUrl: string
  clientId: string
  clientSecret?: string | undefined
  /** From the start of the call to the last byte of its answer, on the wall clock. */
  timeoutMs: number
}

export function createX(options: XOptions): X {
  const call = createCaller(options)
  const { clientId, clientSecret } = options
  const app: TwitterApiOAuth2Init = clientSecret ? { clientId, clientSecret } : { clientId }
  return {
    refresh: async (refreshToken) => refreshOutcome(await call(app, postRefresh(app, refreshToken))),
    sendDm: async (message) =>
      sendOutcome(await call(message.accessToken, postMessage(message), message.timeoutMs ?? options.timeoutMs)),
    me: async (accessToken) => meOutcome(await call(accessToken, getMe)),
    conversation: async ({ accessToken, participantId }) =>
      conversationOutcome(await call(accessToken, getConversation(participantId))),
  }
}

const apiUrl = 'https://api.x.com'

type Watch = { fullResponse: true; requestEventDebugHandler: (event: string) => void }
type Perform = (client: TwitterApi, watch: Watch) => Promise<{ data: unknown; headers: IncomingHttpHeaders }>

// Not the client's `refreshOAuth2Token`: that one throws on an answer without `scope`, after the token is used up.
function postRefresh({ clientId, clientSecret }: TwitterApiOAuth2Init, refreshToken: string): Perform {
  const grant = { grant_type: 'refresh_token', refresh_token: refreshToken }
  return (client, watch) =>
    client.post(`${apiUrl}/2/oauth2/token`, { ...grant, client_id: clientId, client_secret: clientSecret }, watch)
}

function postMessage({ participantId, text }: SendDm): Perform {
  const params = { participant_id: participantId }
  return (client, watch) =>
    client.v2.post('dm_conversations/with/:participant_id/messages', { text }, { params, ...watch })
}

const getMe: Perform = (client, watch) => client.v2.get('users/me', {}, watch)

function getConversation(participantId: string): Perform {
  const query = { max_results: 100, event_types: 'MessageCreate', 'dm_event.fields': 'sender_id,created_at,text' }
  const params = { participant_id: participantId }
  return (client, watch) =>
    client.v2.get('dm_conversations/with/:participant_id/dm_events', query, { params, ...watch })
}

/**
 * One call, one connection, one overall deadline. A connection is never reused: on a stale one X may have taken the
 * message and the reset would hide it. Destroying the call's own agent is what ends it when its time is over; the
 * client's own timeout only watches for silence.
 */
function createCaller({ baseUrl, timeoutMs }: XOptions) {
  const base = baseUrl.replace(/\/+$/, '')
  const Agent = base.startsWith('https:') ? HttpsAgent : HttpAgent
  const toBase: ITwitterApiClientPlugin = {
    onBeforeRequestConfig: ({ params }) => {
      params.url = params.url.replace(apiUrl, base)
    },
  }
  return async (identity: string | TwitterApiOAuth2Init, perform: Perform, ownMs = timeoutMs): Promise<RawAnswer> => {
    const agent = new Agent({ keepAlive: false })
    // The type says http's agent; both fit, since the client hands it to node's request untouched.
    const settings = { httpAgent: agent as HttpAgent, plugins: [toBase] }
    const client =
      typeof identity === 'string' ? new TwitterApi(identity, settings) : new TwitterApi(identity, settings)
    const seen = { connected: false, timedOut: false }
    const watch: Watch = {
      fullResponse: true,
      requestEventDebugHandler: (event) => {
        if (event === 'socket-connect') seen.connected = true
      },
    }
    const deadline = setTimeout(() => {
      seen.timedOut = true
      agent.destroy()
    }, ownMs)
    try {
      const { data, headers } = await perform(client, watch)
      return { kind: 'answered', status: 200, headers, body: data }
    } catch (error) {
      return rawOf(error, seen)
    } finally {
      clearTimeout(deadline)
      agent.destroy()
    }
  }
}

function rawOf(error: unknown, seen: { connected: boolean; timedOut: boolean }): RawAnswer {
  if (error instanceof ApiResponseError) {
    return { kind: 'answered', status: error.code, headers: error.headers, body: error.data }
  }
  if (error instanceof ApiPartialResponseError) {
    return seen.timedOut
      ? { kind: 'failed', ...seen, detail: 'The answer was still coming when the time was over.' }
      : { kind: 'partial', detail: error.message }
  }
  if (error instanceof ApiRequestError) {
    // The cause is in a field the client does not declare; its `requestError` is always empty.
    const cause = (error as unknown as { _options?: { error?: unknown } })._options?.error
    return { kind: 'failed', ...seen, detail: wordsOf(cause ?? error) }
  }
  // Not the network's doing. What it did to the message cannot be told.
  return { kind: 'failed', connected: true, timedOut: seen.timedOut, detail: reasonOf(error) }
}

/** When a name has several addresses, each failed in its own way and the error itself says nothing. */
function wordsOf(error: unknown): string {
  return error instanceof AggregateError ? error.errors.map(reasonOf).join('; ') : reasonOf(error)
}
