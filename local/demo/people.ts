/**
 * The demo's people: they receive messages from sandbox X and make real HTTP requests, each from an address of their
 * own. They know what they were sent and what they were answered, nothing else.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Noise, Person } from './plan.ts'

export interface PeopleOptions {
  plan: Person[]
  /** Sandbox X. */
  xUrl: string
  /** Participant ids in the plan's order. */
  participants: string[]
  timeScale: number
  ledger: string | undefined
}

export interface LedgerLine {
  at: string
  /** read, page, press, visit, or noise and its kind. */
  what: string
  method: string
  url: string
  forwardedFor: string
  userAgent: string
  headers: Record<string, string>
  status: number
  location: string | null
}

interface SandboxMessage {
  n: number
  participant: string
  text: string
}

const browsers = [
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Twitter for iPhone/11.12',
  'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36',
  'Mozilla/5.0 (Linux; Android 14; SM-A546B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile Safari/537.36',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:142.0) Gecko/20100101 Firefox/142.0',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15',
  'Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0',
]
const crawler = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'
const languages = ['fr-FR,fr;q=0.9,en;q=0.6', 'en-GB,en;q=0.9', 'fr-CA,fr;q=0.8', 'en-US,en;q=0.7']
const channels = ['x', 'copy', 'whatsapp', 'x', 'bluesky', 'email']

interface Client {
  ip: string
  userAgent: string
  language: string
}

/** 198.18.0.0/15 is set aside for tests (RFC 2544): 131,072 addresses that are nobody's. */
function clientOf(n: number): Client {
  const ip = `198.${18 + ((n >> 16) & 1)}.${(n >> 8) & 255}.${n & 255}`
  return { ip, userAgent: browsers[n % browsers.length]!, language: languages[n % languages.length]! }
}

export function startPeople(options: PeopleOptions) {
  const file = options.ledger === undefined ? undefined : openSync(options.ledger, 'w')
  const byParticipant = new Map(options.participants.map((id, i) => [id, i]))
  const under = new Set<Promise<void>>()
  const seen = { received: 0, requests: 0, failures: [] as string[] }
  let clients = 0
  let stopping = false

  async function request(what: string, client: Client, method: string, url: string, more: RequestInit = {}) {
    const headers = {
      'user-agent': client.userAgent,
      'accept-language': client.language,
      'x-forwarded-for': client.ip,
      ...(more.headers as Record<string, string> | undefined),
    }
    const response = await fetch(url, { redirect: 'manual', ...more, method, headers })
    const body = await response.text()
    seen.requests++
    const location = response.headers.get('location')
    write({
      at: new Date().toISOString(),
      what,
      method,
      url,
      forwardedFor: client.ip,
      userAgent: client.userAgent,
      headers,
      status: response.status,
      location,
    })
    return { status: response.status, location, body }
  }

  function write(line: LedgerLine): void {
    if (file !== undefined) writeSync(file, `${JSON.stringify(line)}\n`)
  }

  /** After a stretch of campaign time; what goes wrong is kept for the end. */
  function later(afterMs: number, work: () => Promise<void>): void {
    const task = sleep(afterMs / options.timeScale)
      .then(() => (stopping ? undefined : work()))
      .catch((error: unknown) => void seen.failures.push(String(error)))
      .finally(() => under.delete(task))
    under.add(task)
  }

  function receive(message: SandboxMessage): void {
    const index = byParticipant.get(message.participant)
    const link = /https?:\/\/\S+\/[0-9A-Za-z]{10}(\.[\w-]{22})?/.exec(message.text)?.[0]
    if (index === undefined || link === undefined) return
    seen.received++
    const person = options.plan[index]!
    const client = clientOf(clients++)
    const { readsAfterMs } = person
    if (readsAfterMs !== undefined) later(readsAfterMs, () => read(person, client, link))
    for (const noise of person.noise) later((readsAfterMs ?? 0) + noise.afterMs, () => disturb(noise, client, link))
  }

  async function read(person: Person, client: Client, link: string): Promise<void> {
    const { location } = await request('read', client, 'GET', link)
    const page = new URL(location ?? '', link).href
    await request('page', client, 'GET', page)
    if (person.pressesAfterMs !== undefined) later(person.pressesAfterMs, () => press(person, client, page))
  }

  async function press(person: Person, client: Client, page: string): Promise<void> {
    const channel = channels[clients % channels.length]!
    const body = new URLSearchParams({ channel, text: 'À lire :' })
    const answer = await request('press', client, 'POST', page, { body })
    const relayLink = relayLinkOf(answer, page)
    for (const visitor of person.visitors) {
      const { ip, userAgent, language } = clientOf(clients++)
      later(visitor.afterMs, async () => {
        await request('visit', { ip, userAgent, language }, 'GET', relayLink)
      })
    }
  }

  async function disturb({ kind }: Noise, client: Client, link: string): Promise<void> {
    const what = `noise:${kind}`
    if (kind === 'crawler') await request(what, { ...client, userAgent: crawler }, 'GET', link)
    else if (kind === 'head') await request(what, client, 'HEAD', link)
    else if (kind === 'prefetch') await request(what, client, 'GET', link, { headers: { 'sec-purpose': 'prefetch' } })
    else await request(what, client, 'GET', link)
  }

  async function listen(): Promise<void> {
    for (let after = 0; !stopping; await sleep(100)) {
      const response = await fetch(`${options.xUrl}/sandbox/messages?after=${after}`)
      const { messages } = (await response.json()) as { messages: SandboxMessage[] }
      for (const message of messages) {
        after = message.n
        receive(message)
      }
    }
  }

  const listening = listen().catch((error: unknown) => void seen.failures.push(String(error)))
  return {
    seen,
    /** Is anybody still going to do something, as far as messages have arrived? */
    busy: () => under.size > 0,
    async stop(): Promise<void> {
      stopping = true
      await listening
      if (file !== undefined) closeSync(file)
    },
  }
}

/** The relay link a press was answered with: in the address of the post it leads to, or on the page. */
function relayLinkOf({ location, body }: { location: string | null; body: string }, page: string): string {
  const text = location === null ? body : decodeURIComponent(location)
  const found = new RegExp(`${new URL(page).origin}/[0-9A-Za-z]{10}(?![0-9A-Za-z])`).exec(text)?.[0]
  if (!found) throw new Error(`a press on ${page} was answered without a relay link`)
  return found
}

export type People = ReturnType<typeof startPeople>
