import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type Call,
  type Message,
  type RunningSandbox,
  type SandboxOptions,
  sandboxAccount,
  startSandboxX,
  type WindowKind,
} from '../../local/sandbox-x.ts'
import type { Clock } from '../../shared/ports/clock.ts'

const startMs = Date.UTC(2026, 0, 5, 9, 4)
const window15Ms = 900_000
let now = startMs
const clock: Clock = { wall: Date.now, campaign: () => now, wallMs: (ms) => ms }

const running: RunningSandbox[] = []
const folders: string[] = []
afterEach(async () => {
  for (const sandbox of running.splice(0)) await sandbox.stop()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

function newFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-x-'))
  folders.push(folder)
  return join(folder, 'x.jsonl')
}

/** What a client sees of a sandbox at a URL. */
function visitor(url: string) {
  let access = ''
  const call = async (method: string, path: string, body?: unknown) => {
    const answer = await fetch(url + path, {
      method,
      redirect: 'manual',
      headers: { authorization: `Bearer ${access}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    return { status: answer.status, headers: answer.headers, body: text ? JSON.parse(text) : undefined }
  }
  return {
    call,
    as: (token: string) => {
      access = token
    },
    connect: async (user?: string): Promise<{ access_token: string; refresh_token: string }> => {
      const { body } = await call('POST', '/sandbox/connect', user ? { user } : {})
      access = body.access_token
      return body
    },
    send: (participant: string, text = 'hello') =>
      call('POST', `/2/dm_conversations/with/${participant}/messages`, { text }),
    messages: async (after = 0): Promise<Message[]> =>
      (await call('GET', `/sandbox/messages?after=${after}`)).body.messages,
    calls: async (): Promise<Call[]> => (await call('GET', '/sandbox/calls')).body.calls,
  }
}

async function start(options: Partial<SandboxOptions> = {}) {
  now = startMs
  const sandbox = await startSandboxX({ clock, ...options })
  running.push(sandbox)
  const x = visitor(sandbox.url)
  await x.connect()
  return x
}

describe('limits', () => {
  /** Sends until a 429; how many went out. */
  async function burst(x: ReturnType<typeof visitor>): Promise<number> {
    for (let i = 0; ; i++) if ((await x.send(String(i + 1))).status === 429) return i
  }

  it.each<[WindowKind, number]>([
    ['anchored', startMs + 60_000 + window15Ms],
    ['sliding', startMs + 60_000 + window15Ms],
    ['clock', Date.UTC(2026, 0, 5, 9, 15)],
  ])('15 in a quarter of an hour, window %s', async (window, resetMs) => {
    const x = await start({ window })
    now += 60_000
    expect(await burst(x)).toBe(15)
    const refused = await x.send('99')
    expect(refused.body).toEqual({
      title: 'Too Many Requests',
      detail: 'Too Many Requests',
      type: 'about:blank',
      status: 429,
    })
    expect(refused.headers.get('x-rate-limit-remaining')).toBe('0')
    expect(refused.headers.get('x-rate-limit-reset')).toBe(String(resetMs / 1000))
    now = resetMs - 1
    expect((await x.send('99')).status).toBe(429)
    now = resetMs
    expect(await burst(x)).toBe(15)
  })

  it('sliding: quota comes back one by one, anchored: all at once', async () => {
    for (const [window, back] of [
      ['sliding', 1],
      ['anchored', 15],
    ] as const) {
      const x = await start({ window })
      await x.send('1')
      now += 10_000
      expect(await burst(x)).toBe(14)
      now = startMs + window15Ms
      expect(await burst(x), window).toBe(back)
    }
  })

  it('shares the day of the app between accounts', async () => {
    const limits = { dmSendAppDay: { limit: 3, windowMs: 86_400_000 } }
    const x = await start({ limits, users: [{ id: '1000002', username: 'second_demo', name: 'Second' }] })
    await x.send('1')
    const mine = await x.send('2')
    expect(mine.headers.get('x-app-limit-24hour-remaining')).toBe('1')
    await x.connect('1000002')
    const theirs = await x.send('3')
    expect(theirs.headers.get('x-app-limit-24hour-remaining')).toBe('0')
    expect(theirs.headers.get('x-user-limit-24hour-remaining')).toBe('1439')
    expect((await x.send('4')).status).toBe(429)
  })

  it('caps an account at 500 a day, whatever the headers say', async () => {
    const x = await start({ limits: { dmSend: { limit: 1000, windowMs: window15Ms } } })
    for (let i = 0; i < 500; i++) expect((await x.send(String(i + 1))).status).toBe(201)
    expect((await x.send('999')).body.detail).toBe('This operation is not permitted.')
    expect((await x.calls()).at(-1)?.outcome).toBe('account_cap')
    now += 86_400_000
    await x.connect()
    expect((await x.send('999')).status).toBe(201)
  })

  it('limits reads apart from sends', async () => {
    const x = await start()
    for (let i = 0; i < 15; i++) expect((await x.call('GET', '/2/dm_events')).status).toBe(200)
    expect((await x.call('GET', '/2/dm_events')).status).toBe(429)
    expect((await x.send('1')).status).toBe(201)
  })

  it('marks a call made before the reset it was told', async () => {
    const x = await start()
    expect(await burst(x)).toBe(15)
    await x.send('77')
    now += window15Ms
    await x.send('78')
    const early = (await x.calls()).filter((call) => call.early)
    expect(early.map((call) => call.participant)).toEqual(['77'])
  })
})

describe('refusals', () => {
  it('spends quota on a person who cannot be messaged', async () => {
    const x = await start({ users: [{ id: '5', username: 'closed_demo', name: 'Closed', receivesDm: false }] })
    const refused = await x.send('5')
    expect(refused.status).toBe(403)
    expect(refused.body.detail).toBe('You do not have permission to DM one or more participants.')
    expect(refused.headers.get('x-rate-limit-remaining')).toBe('14')
    expect(await x.messages()).toEqual([])
  })

  it('refuses what it cannot read', async () => {
    const x = await start()
    expect((await x.send('42', '')).status).toBe(400)
    expect((await x.send('somebody')).status).toBe(400)
    expect((await x.call('GET', '/2/nothing')).status).toBe(404)
    expect((await x.call('POST', '/sandbox/script', { rate429: 0.9, truncated: 0.2 })).status).toBe(400)
  })

  it('ends access tokens after two hours of campaign time', async () => {
    const x = await start()
    now += 7_199_999
    expect((await x.call('GET', '/2/users/me')).body.data).toEqual({
      id: sandboxAccount.id,
      name: sandboxAccount.name,
      username: sandboxAccount.username,
    })
    now += 1
    expect((await x.call('GET', '/2/users/me')).status).toBe(401)
    expect((await x.send('1')).status).toBe(401)
  })
})

describe('misbehaviour', () => {
  it('draws the same from the same seed, in about the shares asked for', async () => {
    const misbehave = { seed: 7, rate429: 0.1, rate5xx: 0.1, forbidden: 0.1, rate429ForMs: 1000 }
    const limits = { dmSend: { limit: 1000, windowMs: window15Ms } }
    const run = async (seed: number): Promise<string[]> => {
      const x = await start({ misbehave: { ...misbehave, seed }, limits })
      for (let i = 0; i < 400; i++) {
        now += 2000
        await x.send(String(i + 1))
      }
      return (await x.calls()).map((call) => call.mishap ?? '-')
    }
    const first = await run(7)
    expect(await run(7)).toEqual(first)
    expect(await run(8)).not.toEqual(first)
    const share = (mishap: string): number => first.filter((drawn) => drawn.startsWith(mishap)).length / first.length
    for (const mishap of ['rate_limited', 'server_error', 'forbidden']) {
      expect(share(mishap), mishap).toBeGreaterThan(0.05)
      expect(share(mishap), mishap).toBeLessThan(0.16)
    }
  })

  it('delivers before an answer is lost', async () => {
    const x = await start({ misbehave: { resetAfterAccept: 1 } })
    await expect(x.send('1')).rejects.toThrow()
    await x.call('POST', '/sandbox/script', { truncated: 1 })
    await expect(x.send('2')).rejects.toThrow()
    expect((await x.messages()).map((message) => message.participant)).toEqual(['1', '2'])
    expect((await x.calls()).map((call) => call.answered)).toEqual(['reset', 'truncate'])
  })

  it('holds a drawn 429 until the reset it named', async () => {
    const x = await start({ misbehave: { participants: { '1': ['rate_limited'] }, rate429ForMs: 30_000 } })
    const refused = await x.send('1')
    expect(refused.headers.get('x-rate-limit-remaining')).toBe('0')
    expect(refused.headers.get('x-rate-limit-reset')).toBe(String((startMs + 30_000) / 1000))
    now += 29_999
    expect((await x.send('2')).status).toBe(429)
    now += 1
    expect((await x.send('2')).headers.get('x-rate-limit-remaining')).toBe('14')
    expect((await x.calls()).map((call) => call.early ?? false)).toEqual([false, true, false])
  })
})

describe('people', () => {
  const users = Array.from({ length: 250 }, (_, i) => ({
    id: String(2000 + i),
    username: `fan_${i}`,
    name: `Fan ${i}`,
  }))

  it('pages through followers and relays', async () => {
    const posts = [{ id: '77', retweetedBy: ['2001', '2000'], quotes: [{ id: '88', authorId: '2003', text: 'read' }] }]
    const x = await start({ users, posts })
    const seen: string[] = []
    for (let token: string | undefined = ''; token !== undefined; ) {
      const next = token === '' ? '' : `&pagination_token=${token}`
      const { body } = await x.call('GET', `/2/users/${sandboxAccount.id}/followers?max_results=100${next}`)
      seen.push(...body.data.map((user: { id: string }) => user.id))
      token = body.meta.next_token
    }
    expect(seen).toEqual(users.map((user) => user.id))
    const relays = (await x.call('GET', '/2/tweets/77/retweeted_by')).body
    expect(relays).toMatchObject({ data: [{ id: '2001' }, { id: '2000' }], meta: { result_count: 2 } })
    const quotes = (await x.call('GET', '/2/tweets/77/quote_tweets?tweet.fields=author_id')).body
    expect(quotes.data).toEqual([{ id: '88', text: 'read', author_id: '2003' }])
    expect((await x.call('GET', '/2/tweets/1/retweeted_by')).body).toEqual({ meta: { result_count: 0 } })
  })

  it('looks people up, with the fields asked for', async () => {
    const x = await start({ users })
    const { body } = await x.call('GET', '/2/users?ids=2001,9&user.fields=receives_your_dm')
    expect(body.data).toEqual([{ id: '2001', name: 'Fan 1', username: 'fan_1', receives_your_dm: true }])
    expect(body.errors).toMatchObject([{ resource_id: '9', title: 'Not Found Error' }])
    expect((await x.call('GET', '/2/users/by/username/FAN_2')).body.data.id).toBe('2002')
  })
})

describe('OAuth', () => {
  it('exchanges a code for tokens, once, to whoever holds the verifier', async () => {
    const x = await start()
    const verifier = 'v'.repeat(64)
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    const page = `/i/oauth2/authorize?redirect_uri=http://127.0.0.1/back&state=s&code_challenge=${challenge}`
    const authorize = async (): Promise<string> => {
      const { status, headers } = await x.call('GET', `${page}&code_challenge_method=S256`)
      expect(status).toBe(302)
      const back = new URL(headers.get('location')!)
      expect(back.searchParams.get('state')).toBe('s')
      return back.searchParams.get('code')!
    }
    const exchange = (code: string, code_verifier: string) =>
      x.call('POST', '/2/oauth2/token', { grant_type: 'authorization_code', code, code_verifier })
    expect((await exchange(await authorize(), 'another')).status).toBe(400)
    const code = await authorize()
    const tokens = (await exchange(code, verifier)).body
    expect(tokens).toMatchObject({ token_type: 'bearer', expires_in: 7200 })
    expect((await exchange(code, verifier)).status).toBe(400)
    x.as(tokens.access_token)
    expect((await x.send('1')).status).toBe(201)
  })
})

describe('links', () => {
  it('opens those of the server it is told, as X does', async () => {
    const hits: string[] = []
    const target = createServer((req, res) => {
      hits.push(
        `${req.method} ${req.url} ${(req.headers['user-agent'] ?? 'none').match(/Twitterbot|iPhone|Chrome|^$/)?.[0]}`,
      )
      res.end()
      if (hits.length === 4) target.emit('opened')
    })
    await new Promise<void>((listening) => target.listen(0, '127.0.0.1', listening))
    const opened = once(target, 'opened')
    const { port } = target.address() as AddressInfo
    const x = await start({ openLinks: `http://127.0.0.1:${port}` })
    // Neither elsewhere nor another address of this machine.
    await x.send(
      '1',
      `Read http://127.0.0.1:${port}/abc. Or http://198.51.100.7/elsewhere, or http://localhost:${port}/abc`,
    )
    await opened
    expect(hits.sort()).toEqual(['GET /abc Twitterbot', 'HEAD /abc ', 'HEAD /abc Chrome', 'HEAD /abc iPhone'])
    target.closeAllConnections()
    await new Promise((closed) => target.close(closed))
  })
})

describe('journal', () => {
  it('gives everything back to a sandbox started on it', async () => {
    const file = newFile()
    const script = { participants: { '1': ['server_error_after_accept'], '9': ['no_credits'] } }
    const x = await start({ file })
    await x.call('POST', '/sandbox/script', script)
    await x.send('1', 'un « mot »')
    await x.send('2')
    await x.call('GET', '/2/dm_events')
    const before = [await x.messages(), await x.calls()]
    const { access_token, refresh_token } = await x.connect()
    await running.pop()!.stop()
    writeFileSync(file, `${readFileSync(file, 'utf8')}{"type":"call","n":3,"at`)

    const again = await start({ file })
    again.as(access_token)
    expect([await again.messages(), await again.calls()]).toEqual(before)
    expect((await again.send('1')).status, 'its script was used up').toBe(201)
    expect((await again.send('9')).status, 'this one was not').toBe(402)
    const sent = await again.send('3')
    expect(sent.headers.get('x-rate-limit-remaining')).toBe('11')
    expect((await again.call('GET', '/2/dm_events')).headers.get('x-rate-limit-remaining')).toBe('13')
    const refresh = { grant_type: 'refresh_token', refresh_token }
    expect((await again.call('POST', '/2/oauth2/token', refresh)).status).toBe(200)
    expect((await again.call('POST', '/2/oauth2/token', refresh)).status).toBe(400)
    expect((await again.messages(2)).map((message) => message.n)).toEqual([3, 4])
  })

  it('keeps every answered message through kill -9', async () => {
    const args = ['local/sandbox-x.ts', '--file', newFile(), '--scale', '600', '--origin', String(Date.now())]
    const launch = async () => {
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      const [line] = await once(child.stdout, 'data')
      return { child, x: visitor(String(line).trim()) }
    }
    const first = await launch()
    const { access_token } = await first.x.connect()
    const ids: string[] = []
    for (let i = 1; i <= 10; i++) ids.push((await first.x.send(String(i))).body.data.dm_event_id)
    const last = first.x.send('11').catch(() => undefined)
    first.child.kill('SIGKILL')
    await Promise.all([once(first.child, 'exit'), last])

    const second = await launch()
    second.x.as(access_token)
    const kept = (await second.x.messages()).map((message) => message.id)
    expect(kept.slice(0, 10)).toEqual(ids)
    expect((await second.x.send('12')).status).toBe(201)
    second.child.kill('SIGTERM')
    const [code] = await once(second.child, 'exit')
    expect(code).toBe(0)
  })
})
