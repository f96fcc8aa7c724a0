/**
 * The turn of an X account: who may send now, which recipient is claimed, how fast it has been going.
 *
 * One row holds `n` and `inFlight`. A claim and its receipt are transactions over that row and the recipient, so a
 * crash anywhere leaves one of two states: not claimed (nothing went out), or claimed (the outcome is unknown).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import type { PacerState } from '../broadcast/pacer.ts'
import { newPacer } from '../broadcast/pacer.ts'
import { env } from '../env.ts'
import type { Campaign, Link, Recipient } from '../facts.ts'
import { isConditionFailed, reasonsOf, type Table, transact, unlessRefused } from './client.ts'
import { keys } from './keys.ts'
import { queryAll } from './totals.ts'

const sendsLifeSeconds = 2 * 86_400

export interface InFlight {
  ws: string
  cmp: string
  ordinal: number
  /** Of the ask link. */
  host: string
  slug: string
  attempt: string
  /** Wall clock: past it, nobody is working on this attempt any more. */
  deadlineWall: number
}

export interface Turn {
  ws: string
  account: string
  n: number
  pacer: PacerState
  inFlight?: InFlight
  /** Wall clock: when the next message should have been taken up; the watchdog looks at it. */
  dueWall: number
}

export interface Claim {
  turn: Turn
  recipient: Recipient
  campaign: Campaign
  link: Link
  attempt: string
  deadlineWall: number
  stopToken: string
}

/** How a claimed recipient ends, or goes back. */
export type Settlement =
  | { status: 'sent'; sentAt: number; dmEventId: string }
  | { status: 'refused' | 'unknown'; reason: string; settledAt: number }
  | { status: 'pending' }

export interface Settle {
  turn: Turn
  inFlight: InFlight
  campaign: Pick<Campaign, 'privacy' | 'account'>
  settlement: Settlement
  pacer: PacerState
  /** Set when the attempt spent quota: the answer's time, kept for the day budgets. */
  answeredAt?: number
  dueWall: number
}

/** In `aggregate` a settled row keeps the hour only: finer, and its time would join it to its link. */
const hourMs = 3_600_000
const toHour = (t: number): number => Math.floor(t / hourMs) * hourMs

export function createTurns(table: Table) {
  const facts = env.table('facts')
  const directory = env.table('directory')

  return {
    async load(account: string): Promise<Turn | undefined> {
      const { Item } = await table.send(
        new GetCommand({ TableName: directory, Key: keys.turn(account), ConsistentRead: true }),
      )
      return Item as Turn | undefined
    },

    /** The account's turn, made when it is its first. The watchdog looks after it from then on. */
    async ensure(ws: string, account: string, nowWall: number): Promise<Turn> {
      const known = await this.load(account)
      if (known) return known
      const turn: Turn = { ws, account, n: 1, pacer: newPacer, dueWall: nowWall }
      await table.send(new PutCommand({ TableName: directory, Item: { ...keys.watched(account), ws, account } }))
      try {
        const Item = { ...keys.turn(account), ...turn }
        await table.send(
          new PutCommand({ TableName: directory, Item, ConditionExpression: 'attribute_not_exists(pk)' }),
        )
        return turn
      } catch (error) {
        const other = isConditionFailed(error) ? await this.load(account) : undefined
        if (other) return other
        throw error
      }
    },

    async watched(): Promise<{ ws: string; account: string }[]> {
      const rows: { ws: string; account: string }[] = []
      for await (const row of queryAll(table, directory, keys.watched('').pk, '')) rows.push(row as never)
      return rows
    },

    /** When send `index` was answered; undefined when it is not kept any more. */
    async answeredAt(account: string, index: number | undefined): Promise<number | undefined> {
      if (index === undefined) return undefined
      const { Item } = await table.send(
        new GetCommand({ TableName: env.table('ephemera'), Key: keys.send(account, index) }),
      )
      return Item?.index === index ? (Item?.at as number) : undefined
    },

    /** Tells the watchdog when to miss this turn, unless it has passed on meanwhile. A claim tells it too. */
    async expectBy(turn: Turn, dueWall: number): Promise<void> {
      const update = new UpdateCommand({
        TableName: directory,
        Key: keys.turn(turn.account),
        UpdateExpression: 'SET dueWall = :due',
        ConditionExpression: 'n = :n',
        ExpressionAttributeValues: { ':due': dueWall, ':n': turn.n },
      })
      await unlessRefused(table.send(update))
    },

    /** pending → sending with its link, unless somebody else has the turn, the campaign is not sending, or they said stop. */
    async claim(claim: Claim): Promise<'claimed' | 'suppressed' | 'lost'> {
      const { turn, recipient, campaign, link, attempt, deadlineWall } = claim
      const { ws, cmp, ordinal } = recipient
      const inFlight: InFlight = { ws, cmp, ordinal, host: link.host, slug: link.slug, attempt, deadlineWall }
      const TransactItems = [
        {
          ConditionCheck: {
            TableName: facts,
            Key: keys.suppression(ws, claim.stopToken),
            ConditionExpression: 'attribute_not_exists(pk)',
          },
        },
        {
          ConditionCheck: {
            TableName: facts,
            Key: keys.campaign(ws, campaign.id),
            ConditionExpression: '#state = :sending',
            ExpressionAttributeNames: { '#state': 'state' },
            ExpressionAttributeValues: { ':sending': 'sending' },
          },
        },
        {
          Update: {
            TableName: facts,
            Key: keys.recipient(ws, cmp, ordinal),
            UpdateExpression: 'SET #status = :sending, attempt = :attempt, deadlineWall = :deadline, slug = :slug',
            ConditionExpression: '#status = :pending',
            ExpressionAttributeNames: { '#status': 'status' },
            ExpressionAttributeValues: {
              ':sending': 'sending',
              ':pending': 'pending',
              ':attempt': attempt,
              ':deadline': deadlineWall,
              ':slug': link.slug,
            },
          },
        },
        {
          Update: {
            TableName: directory,
            Key: keys.turn(turn.account),
            UpdateExpression: 'SET inFlight = :inFlight, dueWall = :deadline',
            ConditionExpression: 'n = :n AND attribute_not_exists(inFlight)',
            ExpressionAttributeValues: { ':inFlight': inFlight, ':n': turn.n, ':deadline': deadlineWall },
          },
        },
        {
          Put: {
            TableName: facts,
            Item: { ...keys.link(link.host, link.slug), ...link },
            ConditionExpression: 'attribute_not_exists(pk)',
          },
        },
      ]
      try {
        await transact(table, TransactItems)
        return 'claimed'
      } catch (error) {
        if (!isConditionFailed(error)) throw error
        return reasonsOf(error)?.[0] === 'ConditionalCheckFailed' ? 'suppressed' : 'lost'
      }
    },

    /**
     * The receipt: the recipient's outcome, the turn passed on, the quota noted; all or nothing, once per attempt.
     * Tried until the claim's deadline: an answer we know must not become an `unknown` by a hiccup of the table.
     */
    async settle(settle: Settle, wall: () => number): Promise<'settled' | 'lost'> {
      // The token makes a repeat of a receipt that went through, unheard, the success it was.
      const ClientRequestToken = settle.inFlight.attempt
      for (let waitMs = 50; ; waitMs *= 2) {
        try {
          await transact(table, receipt(settle), ClientRequestToken)
          return 'settled'
        } catch (error) {
          if (isConditionFailed(error)) return 'lost'
          if (wall() + waitMs >= settle.inFlight.deadlineWall) throw error
          await sleep(waitMs)
        }
      }
    },

    /** Takes an attempt off its turn that no recipient's row knows. */
    async release(turn: Turn, inFlight: InFlight, pacer: PacerState): Promise<void> {
      const update = new UpdateCommand({
        TableName: directory,
        Key: keys.turn(turn.account),
        UpdateExpression: 'SET n = :next, pacer = :pacer REMOVE inFlight',
        ConditionExpression: 'inFlight.attempt = :attempt',
        ExpressionAttributeValues: { ':next': turn.n + 1, ':pacer': pacer, ':attempt': inFlight.attempt },
      })
      await unlessRefused(table.send(update))
    },

    /** A claim that no turn holds any more (tables restored to different moments): its outcome is unknown. */
    async disown(recipient: Recipient): Promise<void> {
      const update = new UpdateCommand({
        TableName: facts,
        Key: keys.recipient(recipient.ws, recipient.cmp, recipient.ordinal),
        UpdateExpression: 'SET #status = :unknown, #reason = :reason REMOVE attempt, deadlineWall',
        ConditionExpression: '#status = :sending AND attempt = :attempt',
        ExpressionAttributeNames: { '#status': 'status', '#reason': 'reason' },
        ExpressionAttributeValues: {
          ':unknown': 'unknown',
          ':reason': 'no_receipt',
          ':sending': 'sending',
          ':attempt': recipient.attempt,
        },
      })
      await unlessRefused(table.send(update))
    },

    /** Where the account is in a campaign: saves reading settled recipients again, and shares turns fairly. */
    async advance(account: string, cmp: string, lastTurn: number, cursor: number): Promise<void> {
      const update = new UpdateCommand({
        TableName: directory,
        Key: keys.run(account, cmp),
        UpdateExpression: 'SET lastTurn = :n, #cursor = :cursor',
        // Cancelled meanwhile: the run is gone and stays gone.
        ConditionExpression: 'attribute_exists(pk)',
        ExpressionAttributeNames: { '#cursor': 'cursor' },
        ExpressionAttributeValues: { ':n': lastTurn, ':cursor': cursor },
      })
      await unlessRefused(table.send(update))
    },

    /** A person who said stop before their message left: suppressed, never sent. */
    async suppress(recipient: Recipient): Promise<void> {
      const update = new UpdateCommand({
        TableName: facts,
        Key: keys.recipient(recipient.ws, recipient.cmp, recipient.ordinal),
        UpdateExpression: 'SET #status = :suppressed, #reason = :reason',
        ConditionExpression: '#status = :pending',
        ExpressionAttributeNames: { '#status': 'status', '#reason': 'reason' },
        ExpressionAttributeValues: { ':suppressed': 'suppressed', ':reason': 'opted_out', ':pending': 'pending' },
      })
      await unlessRefused(table.send(update))
    },
  }

  function receipt(settle: Settle) {
    const { turn, inFlight, settlement } = settle
    const Item = {
      ...keys.send(turn.account, settle.pacer.count - 1),
      index: settle.pacer.count - 1,
      at: settle.answeredAt,
      ttl: Math.floor(settle.dueWall / 1000) + sendsLifeSeconds,
    }
    return [
      recipientOutcome(settle),
      {
        Update: {
          TableName: directory,
          Key: keys.turn(turn.account),
          UpdateExpression: 'SET n = :next, pacer = :pacer, dueWall = :due REMOVE inFlight',
          ConditionExpression: 'inFlight.attempt = :attempt',
          ExpressionAttributeValues: {
            ':next': turn.n + 1,
            ':pacer': settle.pacer,
            ':due': settle.dueWall,
            ':attempt': inFlight.attempt,
          },
        },
      },
      ...(settle.answeredAt === undefined ? [] : [{ Put: { TableName: env.table('ephemera'), Item } }]),
      // Provably unsent: nobody holds this link, and the next attempt makes its own.
      ...(settlement.status === 'pending'
        ? [{ Delete: { TableName: facts, Key: keys.link(inFlight.host, inFlight.slug) } }]
        : []),
    ]
  }

  function recipientOutcome({ inFlight, campaign, settlement }: Settle) {
    const names: Record<string, string> = { '#status': 'status' }
    const values: Record<string, unknown> = { ':status': settlement.status, ':attempt': inFlight.attempt }
    const set = ['#status = :status']
    const remove = ['attempt', 'deadlineWall']
    const aggregate = campaign.privacy === 'aggregate'
    if (settlement.status === 'sent') {
      set.push('sentAt = :sentAt')
      values[':sentAt'] = aggregate ? toHour(settlement.sentAt) : settlement.sentAt
      if (!aggregate) {
        set.push('dmEventId = :event')
        values[':event'] = settlement.dmEventId
      }
    } else if (settlement.status !== 'pending') {
      set.push('#reason = :reason')
      names['#reason'] = 'reason'
      values[':reason'] = settlement.reason
      set.push('settledAt = :settledAt')
      values[':settledAt'] = aggregate ? toHour(settlement.settledAt) : settlement.settledAt
    }
    // Not settled yet: an unknown outcome is reconciled by its link, so that one keeps it.
    if (settlement.status === 'pending' || (aggregate && settlement.status !== 'unknown')) remove.push('slug')
    return {
      Update: {
        TableName: facts,
        Key: keys.recipient(inFlight.ws, inFlight.cmp, inFlight.ordinal),
        UpdateExpression: `SET ${set.join(', ')} REMOVE ${remove.join(', ')}`,
        ConditionExpression: 'attempt = :attempt',
        ExpressionAttributeNames: names,
        ExpressionAttributeValues: values,
      },
    }
  }
}

export type Turns = ReturnType<typeof createTurns>
