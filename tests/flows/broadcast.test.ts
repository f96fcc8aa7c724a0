/** A campaign's sends on real engines: tables, queue, sandbox X over HTTP, the real client. */
import { setTimeout as sleep } from 'node:timers/promises'
import { PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLaunch } from '../../functions/broadcast/launch.ts'
import { createSend, type SendDeps } from '../../functions/broadcast/send/turn.ts'
import { type Running, startPoller } from '../../local/pollers.ts'
import {
  type Call,
  type Message,
  type Misbehaviour,
  type RunningSandbox,
  startSandboxX,
} from '../../local/sandbox-x.ts'
import { stopToken } from '../../shared/broadcast/stop-token.ts'
import { env } from '../../shared/env.ts'
import type { Campaign, Recipient } from '../../shared/facts.ts'
import { newId } from '../../shared/id.ts'
import { createAccess } from '../../shared/ports/access.ts'
import { scaledClock } from '../../shared/ports/clock.ts'
import { createQueue } from '../../shared/ports/queue.ts'
import { createVault } from '../../shared/ports/vault.ts'
import { createX } from '../../shared/ports/x.ts'
import { createAccounts } from '../../shared/table/accounts.ts'
import { createCampaigns } from '../../shared/table/campaigns.ts'
import { createTable } from '../../shared/table/client.ts'
import { createSaltEnder } from '../../shared/table/end-salts.ts'
import { keys } from '../../shared/table/keys.ts'
import { createLinks } from '../../shared/table/links.ts'
import { createRecipients } from '../../shared/table/recipients.ts'
import { createTurns } from '../../shared/table/turns.ts'
import { type Engines, startEngines } from '../engines.ts'
import { type Asked, beyondGrants, recordingTable } from '../grants.ts'

// 15 minutes of X's clock pass in 90 ms, so that pauses between sends are short and limits still bite.
const clock = scaledClock(10_000, Date.now())
const ws = 'ws_1'
const host = '127.0.0.1:3000'

let engines: Engines
let sandbox: RunningSandbox
let poller: Running
let asked: Asked
let deps: SendDeps
let send: ReturnType<typeof createSend>

const links = () => createLinks(createTable())

beforeAll(async () => {
  engines = await startEngines()
  sandbox = await startSandboxX({ clock, users: senders })
  const recording = recordingTable()
  asked = recording.asked
  const { table } = recording
  const accounts = createAccounts(table)
  const vault = createVault({ keyFile: `${engines.dataDir}/vault.key` })
  const x = createX({ baseUrl: sandbox.url, clientId: 'sandbox', timeoutMs: 400 })
  deps = {
    campaigns: createCampaigns(table),
    recipients: createRecipients(table),
    turns: createTurns(table),
    accounts,
    access: createAccess({ accounts, vault, x, clock }),
    x,
    queue: createQueue(),
    clock,
    stopSecret: 'secret',
    publicUrl: `http://${host}`,
    xApiUrl: sandbox.url,
    timeoutMs: 400,
  }
  send = createSend(deps)
  const handler = async (event: { Records: { body: string }[] }) => {
    for (const { body } of event.Records) await send(JSON.parse(body))
  }
  const queueUrl = env.queueUrl('turns')
  poller = startPoller({ endpoint: env.sqsEndpoint()!, queueUrl, batchSize: 1, atOnce: 4, handler })
})

afterAll(async () => {
  await poller?.stop()
  await sandbox?.stop()
  await engines?.stop()
})

const senders = Array.from({ length: 40 }, (_, i) => ({
  id: String(2_000_000 + i),
  username: `sender_${i}`,
  name: 'Sender',
}))
let connected = 0

/** A new account, connected to sandbox X, with limits of its own. */
async function connect(): Promise<string> {
  const account = newId('acc')
  const user = senders[connected++]!.id
  const response = await fetch(`${sandbox.url}/sandbox/connect`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user }),
  })
  const granted = (await response.json()) as { access_token: string; refresh_token: string; expires_in: number }
  const tokens = { accessToken: granted.access_token, refreshToken: granted.refresh_token }
  await deps.access.store(ws, account, tokens, granted.expires_in * 1000, 0)
  return account
}

let people = 5_000_000_000

async function draft(
  account: string,
  n: number,
  more: Partial<Campaign> = {},
): Promise<{ cmp: string; ids: string[] }> {
  const id = newId('cmp')
  const campaign: Campaign = {
    type: 'campaign',
    ws,
    id,
    name: 'Test',
    sender: 'Sender',
    state: 'draft',
    delivery: 'x_dm',
    privacy: 'aggregate',
    destination: 'https://example.org/',
    message: 'Hello {{ name }}: {{ link }}',
    relayText: 'Read:',
    account,
    windowMs: 72 * 3_600_000,
    passItOn: false,
    createdAt: clock.campaign(),
    recipients: 0,
    version: 1,
    ...more,
  }
  await deps.campaigns.create(campaign)
  const ids = Array.from({ length: n }, () => String(people++))
  const consent = { basis: 'dm_first' as const, evidence: 'wrote first', at: 0 }
  const rows = ids.map((xUserId, i) => ({
    status: 'pending' as const,
    xUserId,
    handle: `h${i}`,
    name: `N${i}`,
    segments: { lang: 'fr' },
    consent,
  }))
  await deps.recipients.add(ws, id, rows)
  return { cmp: id, ids }
}

async function launch(cmp: string): Promise<void> {
  const campaign = (await deps.campaigns.get(ws, cmp))!
  expect(await deps.campaigns.move(campaign, 'sending', clock.campaign(), { startedAt: clock.campaign() })).toBe(
    'moved',
  )
  const turn = await deps.turns.ensure(ws, campaign.account, clock.wall())
  await deps.queue.send('turns', { account: turn.account, n: turn.n })
}

const ticking = () => ({ campaigns: deps.campaigns, turns: deps.turns, endSalts: createSaltEnder(createTable()) })

async function until<T>(read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (let i = 0; i < 600; i++) {
    const value = await read()
    if (holds(value)) return value
    await sleep(50)
  }
  throw new Error(`never came to hold; last: ${JSON.stringify(await read())}`)
}

const campaignIn = (cmp: string, state: Campaign['state']) =>
  until(
    () => deps.campaigns.get(ws, cmp),
    (campaign) => campaign?.state === state,
  )

const rowsOf = (cmp: string): Promise<Recipient[]> => deps.recipients.list(ws, cmp, 0, 1000)

async function delivered(ids: string[]): Promise<Message[]> {
  const { messages } = (await (await fetch(`${sandbox.url}/sandbox/messages?after=0`)).json()) as {
    messages: Message[]
  }
  return messages.filter((message) => ids.includes(message.participant))
}

async function calls(ids: string[]): Promise<Call[]> {
  const { calls: all } = (await (await fetch(`${sandbox.url}/sandbox/calls?after=0`)).json()) as { calls: Call[] }
  return all.filter((call) => ids.includes(call.participant))
}

const script = (misbehaviour: Misbehaviour) =>
  fetch(`${sandbox.url}/sandbox/script`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(misbehaviour),
  })

describe('a campaign goes out', () => {
  test('one message each with a link of their own, then it tracks; settled rows name no link and no moment', async () => {
    const { cmp, ids } = await draft(await connect(), 40)
    await launch(cmp)
    const campaign = await campaignIn(cmp, 'tracking')
    expect(campaign!.sentDoneAt).toBeGreaterThan(campaign!.startedAt!)
    const messages = await delivered(ids)
    const order = messages.map((message) => message.participant)
    expect([...order].sort()).toEqual([...ids].sort())
    // Not in the order of the list: sorted by time, the links would tell whose is whose.
    expect(order).not.toEqual(ids)
    const slugs = messages.map((message) => /\/([0-9A-Za-z]{10})\.[\w-]{22}$/.exec(message.text)![1]!)
    expect(new Set(slugs).size).toBe(40)
    const link = await links().get(host, slugs[0]!)
    expect(link).toMatchObject({ kind: 'ask', cmp, segments: { lang: 'fr' } })
    // The message carries the person's stop token; nothing stored with the link does.
    expect(messages[0]!.text).toContain(`.${stopToken('secret', ws, order[0]!)}`)
    expect(JSON.stringify(link)).not.toContain(stopToken('secret', ws, order[0]!))
    for (const row of await rowsOf(cmp)) {
      expect(row).toMatchObject({ status: 'sent' })
      expect(row.sentAt! % 3_600_000).toBe(0)
      for (const field of ['slug', 'dmEventId', 'attempt', 'deadlineWall']) expect(row).not.toHaveProperty(field)
    }
    // What X measured: never more than 15 in any quarter of an hour, so never a 429.
    // An access token lives 720 ms here, so an expired one may be met; it is refreshed, and the person asked again.
    const outcomes = new Set((await calls(ids)).map((call) => call.outcome))
    expect([...outcomes].filter((outcome) => outcome !== 'unauthorized')).toEqual(['delivered'])
  })

  test('in individual mode a settled row keeps its link, its moment and its message', async () => {
    const { cmp, ids } = await draft(await connect(), 2, { privacy: 'individual' })
    await launch(cmp)
    await campaignIn(cmp, 'tracking')
    const [row] = await rowsOf(cmp)
    expect(row!.dmEventId).toBe((await delivered(ids))[0]!.id)
    expect(row!.slug).toMatch(/^[0-9A-Za-z]{10}$/)
  })

  test('refused, lost and cut answers: settled as what they are, nobody is written to twice', async () => {
    const { cmp, ids } = await draft(await connect(), 8)
    await script({
      participants: {
        [ids[1]!]: ['forbidden'],
        [ids[2]!]: ['timeout_after_accept'],
        [ids[3]!]: ['reset_after_accept'],
        [ids[4]!]: ['truncated_after_accept'],
        [ids[5]!]: ['server_error_after_accept'],
        [ids[6]!]: ['rate_limited'],
      },
    })
    await launch(cmp)
    await campaignIn(cmp, 'tracking')
    expect((await rowsOf(cmp)).map(({ status, reason }) => [status, reason])).toEqual([
      ['sent', undefined],
      ['refused', 'recipient_forbidden'],
      ['unknown', 'timeout'],
      ['unknown', 'reset'],
      ['unknown', 'partial'],
      ['unknown', 'server_error'],
      ['sent', undefined],
      ['sent', undefined],
    ])
    const counted = Map.groupBy(await delivered(ids), (message) => message.participant)
    expect([...counted.values()].every((all) => all.length === 1)).toBe(true)
    expect((await calls(ids)).some((call) => call.early)).toBe(false)
    // The 429 was not a message: the same person got one on the second attempt, under another link.
    expect((await calls(ids)).filter((call) => call.participant === ids[6])).toHaveLength(2)
  })

  test('the account’s own trouble pauses the campaign and says why; resumed, it goes on with the same person', async () => {
    const { cmp, ids } = await draft(await connect(), 3, { privacy: 'individual' })
    await script({ participants: { [ids[1]!]: ['no_credits'] } })
    await launch(cmp)
    const paused = await campaignIn(cmp, 'paused')
    expect(paused!.pausedReason).toBe('no_credits')
    expect((await rowsOf(cmp)).map((row) => row.status)).toEqual(['sent', 'pending', 'pending'])
    await deps.campaigns.move(paused!, 'sending', clock.campaign(), { pausedReason: undefined })
    const turn = (await deps.turns.load(paused!.account))!
    await deps.queue.send('turns', { account: turn.account, n: turn.n })
    await campaignIn(cmp, 'tracking')
    expect((await delivered(ids)).map((message) => message.participant)).toEqual(ids)
  })

  test('who says stop before their message leaves is suppressed, in the claim itself', async () => {
    const { cmp, ids } = await draft(await connect(), 3)
    await links().suppress({
      type: 'suppression',
      ws,
      token: stopToken('secret', ws, ids[1]!),
      source: 'stop_page',
      at: 1,
    })
    await launch(cmp)
    await campaignIn(cmp, 'tracking')
    expect((await rowsOf(cmp)).map(({ status, reason }) => [status, reason])).toEqual([
      ['sent', undefined],
      ['suppressed', 'opted_out'],
      ['sent', undefined],
    ])
    expect(await calls([ids[1]!])).toEqual([])
  })

  test('two campaigns of one account share its turns', async () => {
    const account = await connect()
    const [a, b] = [await draft(account, 6), await draft(account, 6)]
    await launch(a.cmp)
    await launch(b.cmp)
    await campaignIn(a.cmp, 'tracking')
    await campaignIn(b.cmp, 'tracking')
    const order = (await delivered([...a.ids, ...b.ids])).map((message) =>
      a.ids.includes(message.participant) ? 'a' : 'b',
    )
    expect(order).toHaveLength(12)
    // Neither waits for the other to finish.
    expect(order.indexOf('b')).toBeLessThan(order.lastIndexOf('a'))
  })
})

describe('crashes and repeats', () => {
  test('the same turn delivered many times at once sends one message', async () => {
    const { cmp, ids } = await draft(await connect(), 1)
    const campaign = (await deps.campaigns.get(ws, cmp))!
    await deps.campaigns.move(campaign, 'sending', clock.campaign(), { startedAt: clock.campaign() })
    const turn = await deps.turns.ensure(ws, campaign.account, clock.wall())
    const message = { account: turn.account, n: turn.n }
    await Promise.all(Array.from({ length: 8 }, () => send(message)))
    await campaignIn(cmp, 'tracking')
    await send(message)
    expect(await calls(ids)).toHaveLength(1)
  })

  test('a claim without a receipt becomes unknown after its deadline, and is never sent again', async () => {
    const { cmp, ids } = await draft(await connect(), 2)
    const campaign = (await deps.campaigns.get(ws, cmp))!
    await deps.campaigns.move(campaign, 'sending', clock.campaign(), { startedAt: clock.campaign() })
    const turn = await deps.turns.ensure(ws, campaign.account, clock.wall())
    const [recipient] = await rowsOf(cmp)
    const link = {
      type: 'link' as const,
      ws,
      host,
      slug: newId('lnk'),
      kind: 'ask' as const,
      destination: 'https://example.org/',
      createdAt: 0,
    }
    const claim = {
      turn,
      recipient: recipient!,
      campaign: { ...campaign, state: 'sending' as const },
      link,
      attempt: 'att_1',
      stopToken: 't',
    }
    expect(await deps.turns.claim({ ...claim, deadlineWall: Date.now() + 700 })).toBe('claimed')
    // The process that claimed is gone. Its message comes back from the queue.
    await send({ account: turn.account, n: turn.n })
    await campaignIn(cmp, 'tracking')
    expect((await rowsOf(cmp)).map(({ status, reason }) => [status, reason])).toEqual([
      ['unknown', 'no_receipt'],
      ['sent', undefined],
    ])
    expect(await calls([ids[0]!])).toEqual([])
  })

  test('the watchdog brings a lost turn back, and a scheduled campaign starts at its time', async () => {
    const account = await connect()
    const { cmp, ids } = await draft(account, 2)
    const campaign = (await deps.campaigns.get(ws, cmp))!
    const at = clock.campaign() + 10 * 60_000
    const add = { at, action: 'start' as const, ws, cmp }
    expect(await deps.campaigns.move(campaign, 'scheduled', clock.campaign(), { launchAt: at }, { add })).toBe('moved')
    const lost = { ...deps.queue, send: async () => {} }
    const launchDeps = { ...ticking(), clock }
    const tick = createLaunch({ ...launchDeps, queue: lost })
    await until(
      async () => clock.campaign(),
      (now) => now > at,
    )
    await tick()
    expect((await deps.campaigns.get(ws, cmp))!.state).toBe('sending')
    expect(await deps.campaigns.due(clock.campaign())).toEqual([])
    // Its first message never reached the queue; nothing happens until the watchdog looks, five seconds later.
    const later = { ...clock, wall: () => Date.now() + 6_000 }
    await createLaunch({ ...launchDeps, clock: later, queue: deps.queue })()
    await campaignIn(cmp, 'tracking')
    expect(await delivered(ids)).toHaveLength(2)
  })

  test('a campaign is completed when its last clock has run out', async () => {
    const { cmp } = await draft(await connect(), 1, { windowMs: 60_000 })
    await launch(cmp)
    const { sentDoneAt } = (await campaignIn(cmp, 'tracking'))!
    await until(
      async () => clock.campaign(),
      (now) => now > sentDoneAt! + 60_000,
    )
    await createLaunch({ ...ticking(), queue: deps.queue, clock })()
    expect((await deps.campaigns.get(ws, cmp))!.state).toBe('completed')
  })
})

/** The same tables, recorded apart. */
function launching() {
  const { table, asked: byLaunch } = recordingTable()
  const [campaigns, turns] = [createCampaigns(table), createTurns(table)]
  return {
    tick: createLaunch({ campaigns, turns, queue: deps.queue, clock, endSalts: createSaltEnder(table) }),
    byLaunch,
  }
}

describe('grants', () => {
  test('the sender asks for nothing the topology does not grant it', () => {
    // All of the above ran through it: claims, receipts, releases, pauses, refreshes.
    for (const action of ['facts:DeleteItem', 'facts:ConditionCheckItem', 'ephemera:PutItem', 'directory:DeleteItem'])
      expect(asked).toContain(action)
    // Making drafts is the API's, and moves are made here by hand: the sender has these grants too.
    expect(beyondGrants('send', asked)).toEqual([])
  })

  test('nor does the minute tick', async () => {
    const { tick, byLaunch } = launching()
    const { cmp } = await draft(await connect(), 1, { windowMs: 60_000 })
    const campaign = (await deps.campaigns.get(ws, cmp))!
    const at = clock.campaign()
    const add = { at, action: 'start' as const, ws, cmp }
    await deps.campaigns.move(campaign, 'scheduled', at, { launchAt: at }, { add })
    await tick()
    const { sentDoneAt } = (await campaignIn(cmp, 'tracking'))!
    await until(
      async () => clock.campaign(),
      (now) => now > sentDoneAt! + 60_000,
    )
    await tick()
    expect((await deps.campaigns.get(ws, cmp))!.state).toBe('completed')
    expect(byLaunch).toContain('ephemera:DeleteItem')
    expect(beyondGrants('launch', byLaunch)).toEqual([])
  })
})

describe('pauses and ends in flight', () => {
  test('paused while its last message is under way, it is tracked all the same', async () => {
    const { cmp, ids } = await draft(await connect(), 1)
    await script({ participants: { [ids[0]!]: ['timeout_after_accept'] } })
    await launch(cmp)
    await until(
      () => rowsOf(cmp),
      ([row]) => row?.status === 'sending',
    )
    const campaign = (await deps.campaigns.get(ws, cmp))!
    await deps.campaigns.move(campaign, 'paused', clock.campaign(), { pausedReason: 'operator' })
    const tracked = await campaignIn(cmp, 'tracking')
    expect(tracked).not.toHaveProperty('pausedReason')
    expect((await rowsOf(cmp))[0]).toMatchObject({ status: 'unknown', reason: 'timeout' })
  })

  test('cancelled while a message is under way, its outcome is still found out', async () => {
    const account = await connect()
    const { cmp, ids } = await draft(account, 2)
    await script({ participants: { [ids[0]!]: ['timeout_after_accept'], [ids[1]!]: ['timeout_after_accept'] } })
    await launch(cmp)
    await until(
      () => rowsOf(cmp),
      (rows) => rows.some((row) => row.status === 'sending'),
    )
    await deps.campaigns.move((await deps.campaigns.get(ws, cmp))!, 'cancelled', clock.campaign())
    const rows = await until(
      () => rowsOf(cmp),
      (all) => all.every((row) => row.status !== 'sending'),
    )
    expect(rows.map((row) => row.status).sort()).toEqual(['pending', 'unknown'])
    expect(await deps.campaigns.runs(account)).toEqual([])
  })

  test('the watchdog finds a claim whose campaign was cancelled and whose process is gone', async () => {
    const account = await connect()
    const { cmp } = await draft(account, 1)
    const campaign = (await deps.campaigns.get(ws, cmp))!
    await deps.campaigns.move(campaign, 'sending', clock.campaign(), { startedAt: clock.campaign() })
    const turn = await deps.turns.ensure(ws, account, clock.wall())
    const [recipient] = await rowsOf(cmp)
    const link = {
      type: 'link' as const,
      ws,
      host,
      slug: newId('lnk'),
      kind: 'ask' as const,
      destination: 'https://example.org/',
      createdAt: 0,
    }
    const claim = {
      turn,
      recipient: recipient!,
      campaign,
      link,
      attempt: 'att_9',
      stopToken: 't',
      deadlineWall: Date.now() - 1,
    }
    expect(await deps.turns.claim(claim)).toBe('claimed')
    await deps.campaigns.move((await deps.campaigns.get(ws, cmp))!, 'cancelled', clock.campaign())
    await createLaunch({ ...ticking(), queue: deps.queue, clock: { ...clock, wall: () => Date.now() + 6_000 } })()
    await until(
      () => rowsOf(cmp),
      ([row]) => row?.status === 'unknown',
    )
  })

  test('a row left sending by tables restored to different moments does not hold the campaign up', async () => {
    const { cmp } = await draft(await connect(), 2)
    const campaign = (await deps.campaigns.get(ws, cmp))!
    const [first] = await rowsOf(cmp)
    const Item = {
      ...keys.recipient(ws, cmp, 1),
      ...first!,
      status: 'sending',
      attempt: 'att_gone',
      deadlineWall: Date.now() - 1,
    }
    await createTable().send(new PutCommand({ TableName: env.table('facts'), Item }))
    await launch(campaign.id)
    await campaignIn(cmp, 'tracking')
    expect((await rowsOf(cmp)).map((row) => row.status)).toEqual(['unknown', 'sent'])
  })

  test('an attempt that no row knows, of tables restored to different moments, does not block the account', async () => {
    const account = await connect()
    const { cmp, ids } = await draft(account, 1)
    await deps.turns.ensure(ws, account, clock.wall())
    const inFlight = { ws, cmp, ordinal: 1, host, slug: 'gone', attempt: 'att_gone', deadlineWall: Date.now() - 1 }
    await createTable().send(
      new UpdateCommand({
        TableName: env.table('directory'),
        Key: keys.turn(account),
        UpdateExpression: 'SET inFlight = :inFlight',
        ExpressionAttributeValues: { ':inFlight': inFlight },
      }),
    )
    await launch(cmp)
    await campaignIn(cmp, 'tracking')
    expect(await delivered(ids)).toHaveLength(1)
  })

  test('restarted where nobody outside can open links, with all settled, a campaign is tracked, not paused for ever', async () => {
    const { cmp } = await draft(await connect(), 1)
    await launch(cmp)
    const { account, ...rest } = (await campaignIn(cmp, 'tracking'))!
    const run = { ...keys.run(account, cmp), ws, cmp, cursor: 0, lastTurn: 0 }
    const paused = { ...keys.campaign(ws, cmp), ...rest, account, state: 'paused' }
    for (const [name, Item] of [
      ['directory', run],
      ['facts', paused],
    ] as const)
      await createTable().send(new PutCommand({ TableName: env.table(name), Item }))
    const turn = (await deps.turns.load(account))!
    await createSend({ ...deps, xApiUrl: 'https://api.x.com' })({ account, n: turn.n })
    expect((await deps.campaigns.get(ws, cmp))!.state).toBe('tracking')
  })

  test('links nobody outside can open are never sent by the real X: the campaign pauses', async () => {
    const { cmp } = await draft(await connect(), 1)
    const campaign = (await deps.campaigns.get(ws, cmp))!
    await deps.campaigns.move(campaign, 'sending', clock.campaign(), { startedAt: clock.campaign() })
    const turn = await deps.turns.ensure(ws, campaign.account, clock.wall())
    await createSend({ ...deps, xApiUrl: 'https://api.x.com' })({ account: turn.account, n: turn.n })
    expect(await deps.campaigns.get(ws, cmp)).toMatchObject({ state: 'paused', pausedReason: 'public_url' })
    expect((await rowsOf(cmp))[0]!.status).toBe('pending')
  })
})
