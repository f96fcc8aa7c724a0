import { createServer, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type Misbehaviour,
  type Mishap,
  type RunningSandbox,
  sandboxAccount,
  startSandboxX,
} from '../../local/sandbox-x.ts'
import type { Clock } from '../../shared/ports/clock.ts'
import { createX, type X } from '../../shared/ports/x.ts'

const startMs = Date.UTC(2026, 0, 5, 9)
let now = startMs
const clock: Clock = { wall: Date.now, campaign: () => now, wallMs: (ms) => ms }

let sandbox: RunningSandbox
let x: X
let accessToken: string
let refreshToken: string

// biome-ignore lint/suspicious/noExplicitAny: what the sandbox answers is what is looked at.
async function ask(path: string, body?: unknown): Promise<any> {
  const posted = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
  const answer = await fetch(sandbox.url + path, { headers: { 'content-type': 'application/json' }, ...posted })
  return answer.status === 204 ? undefined : answer.json()
}
const misbehave = (script: Misbehaviour): Promise<void> => ask('/sandbox/script', script)
const delivered = async (): Promise<{ text: string; participant: string }[]> =>
  (await ask('/sandbox/messages')).messages
const send = (participantId = '42', text = 'hello') => x.sendDm({ accessToken, participantId, text })

beforeEach(async () => {
  now = startMs
  sandbox = await startSandboxX({ clock })
  x = createX({ baseUrl: sandbox.url, clientId: 'passalong', timeoutMs: 10_000 })
  const tokens = await ask('/sandbox/connect', {})
  accessToken = tokens.access_token
  refreshToken = tokens.refresh_token
})
afterEach(() => sandbox.stop())

describe('against sandbox X', () => {
  it('sends, with the limits of the answer', async () => {
    const outcome = await send('42', 'Bonjour « Zoé »')
    expect(outcome).toMatchObject({ kind: 'sent', conversationId: `42-${sandboxAccount.id}` })
    if (outcome.kind !== 'sent') return
    expect(outcome.dmEventId).toMatch(/^\d{18,}$/)
    expect(outcome.limits).toEqual({
      window15: { limit: 15, remaining: 14, resetAtMs: startMs + 900_000 },
      userDay: { limit: 1440, remaining: 1439, resetAtMs: startMs + 86_400_000 },
      appDay: { limit: 1440, remaining: 1439, resetAtMs: startMs + 86_400_000 },
    })
    expect(await delivered()).toMatchObject([{ participant: '42', text: 'Bonjour « Zoé »' }])
  })

  it.each<[Mishap, object, number]>([
    ['rate_limited', { kind: 'not_sent', reason: 'rate_limited' }, 0],
    ['unauthorized', { kind: 'not_sent', reason: 'unauthorized' }, 0],
    ['no_credits', { kind: 'not_sent', reason: 'no_credits' }, 0],
    ['sender_forbidden', { kind: 'not_sent', reason: 'sender_forbidden' }, 0],
    ['forbidden', { kind: 'refused', reason: 'recipient_forbidden' }, 0],
    ['server_error', { kind: 'unknown', reason: 'server_error' }, 0],
    ['server_error_after_accept', { kind: 'unknown', reason: 'server_error' }, 1],
    ['timeout', { kind: 'unknown', reason: 'timeout' }, 0],
    ['timeout_after_accept', { kind: 'unknown', reason: 'timeout' }, 1],
    ['reset_after_accept', { kind: 'unknown', reason: 'reset' }, 1],
    ['truncated_after_accept', { kind: 'unknown', reason: 'partial' }, 1],
    ['no_event_id', { kind: 'unknown', reason: 'no_event_id' }, 0],
  ])('%s', async (mishap, meaning, arrived) => {
    await misbehave({ participants: { '42': [mishap] } })
    const timeoutMs = mishap.startsWith('timeout') ? 200 : 10_000
    expect(await x.sendDm({ accessToken, participantId: '42', text: 'hello', timeoutMs })).toMatchObject(meaning)
    expect(await delivered()).toHaveLength(arrived)
    const { calls } = await ask('/sandbox/calls')
    expect(calls, 'the client never tries again by itself').toHaveLength(1)
  })

  it('says when a 429 ends', async () => {
    for (let i = 0; i < 15; i++) expect(await send(String(100 + i))).toMatchObject({ kind: 'sent' })
    const closed = { limit: 15, remaining: 0, resetAtMs: startMs + 900_000 }
    expect(await send()).toMatchObject({ kind: 'not_sent', reason: 'rate_limited', limits: { window15: closed } })
    now += 900_000
    expect(await send()).toMatchObject({ kind: 'sent' })
  })

  it('refreshes once per refresh token', async () => {
    now += 7_200_000
    expect(await send()).toMatchObject({ kind: 'not_sent', reason: 'unauthorized' })
    const renewed = await x.refresh(refreshToken)
    expect(renewed).toMatchObject({ kind: 'refreshed', expiresInMs: 7_200_000 })
    if (renewed.kind !== 'refreshed') return
    accessToken = renewed.accessToken
    expect(await send()).toMatchObject({ kind: 'sent' })
    expect(await x.refresh(refreshToken)).toMatchObject({ kind: 'rejected' })
    expect(await x.refresh(renewed.refreshToken)).toMatchObject({ kind: 'refreshed' })
  })

  it('does not know a refresh whose answer was lost, and the token is gone', async () => {
    await misbehave({ refresh: ['reset_after_accept'] })
    expect(await x.refresh(refreshToken)).toMatchObject({ kind: 'unknown' })
    expect(await x.refresh(refreshToken)).toMatchObject({ kind: 'rejected' })
  })

  it('keeps the refresh token when X was only busy', async () => {
    await misbehave({ refresh: ['rate_limited'] })
    expect(await x.refresh(refreshToken)).toMatchObject({ kind: 'not_done', reason: 'rate_limited' })
    expect(await x.refresh(refreshToken)).toMatchObject({ kind: 'refreshed' })
  })

  it('says who the account is', async () => {
    const { id, username: handle, name } = sandboxAccount
    expect(await x.me(accessToken)).toEqual({ kind: 'me', id, handle, name })
    expect(await x.me('nobody')).toMatchObject({ kind: 'failed', reason: 'unauthorized' })
  })

  it('reads a conversation, newest first', async () => {
    await send('42', 'first')
    await send('43', 'to somebody else')
    now += 60_000
    await send('42', 'second')
    const read = await x.conversation({ accessToken, participantId: '42' })
    expect(read).toMatchObject({
      kind: 'conversation',
      events: [
        { text: 'second', senderId: sandboxAccount.id, at: startMs + 60_000 },
        { text: 'first', senderId: sandboxAccount.id, at: startMs },
      ],
    })
    expect(await x.conversation({ accessToken, participantId: '7' })).toMatchObject({ events: [] })
    expect(await x.conversation({ accessToken: 'no', participantId: '7' })).toMatchObject({ reason: 'unauthorized' })
  })
})

describe('the connection', () => {
  const servers: { close(): unknown }[] = []
  afterAll(() => {
    for (const server of servers) server.close()
  })
  const at = (port: number, timeoutMs: number): X =>
    createX({ baseUrl: `http://127.0.0.1:${port}`, clientId: 'c', timeoutMs })
  const dm = { accessToken: 'a', participantId: '1', text: 't' }
  const listen = async (server: Server): Promise<number> => {
    servers.push(server)
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    return (server.address() as AddressInfo).port
  }

  it('proves a message unsent when nobody listens', async () => {
    const server = createTcpServer()
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const { port } = server.address() as AddressInfo
    await new Promise((closed) => server.close(closed))
    const outcome = await at(port, 5_000).sendDm(dm)
    expect(outcome).toMatchObject({ kind: 'not_sent', reason: 'unreachable' })
    expect(outcome).toHaveProperty('detail', expect.stringContaining('ECONNREFUSED'))
    expect(await at(port, 5_000).refresh('r')).toMatchObject({ kind: 'not_done', reason: 'unreachable' })
  })

  it('proves a message unsent when the name does not resolve', async () => {
    const nowhere = createX({ baseUrl: 'http://x.invalid', clientId: 'c', timeoutMs: 5_000 })
    expect(await nowhere.sendDm(dm)).toMatchObject({ kind: 'not_sent', reason: 'unreachable' })
  })

  it('counts the time of the whole answer, not of its silences', async () => {
    const port = await listen(
      createServer((_, res) => {
        res.writeHead(201, { 'content-type': 'application/json' })
        const drip = setInterval(() => res.write(' '), 20)
        res.on('close', () => clearInterval(drip))
      }),
    )
    expect(await at(port, 300).sendDm(dm)).toMatchObject({ kind: 'unknown', reason: 'timeout' })
  })

  it('opens a new one for every call', async () => {
    const sockets = new Set<unknown>()
    const asked = new Set<unknown>()
    const port = await listen(
      createServer((req, res) => {
        sockets.add(req.socket)
        asked.add(req.headers.connection)
        res.writeHead(201, { 'content-type': 'application/json' })
        res.end(JSON.stringify({ data: { dm_event_id: '1', dm_conversation_id: '1-2' } }))
      }),
    )
    for (let i = 0; i < 3; i++) expect(await at(port, 5_000).sendDm(dm)).toMatchObject({ kind: 'sent' })
    expect(sockets.size).toBe(3)
    expect([...asked]).toEqual(['close'])
  })

  it('knows nothing when a peer closes without a word', async () => {
    const server = createTcpServer((socket) => socket.on('data', () => socket.end()))
    servers.push(server)
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const { port } = server.address() as AddressInfo
    expect(await at(port, 5_000).sendDm(dm)).toMatchObject({ kind: 'unknown', reason: 'reset' })
  })
})
