/** Writes what the roll-up derives. Every write may be repeated: a minimum, a set union, a put if absent. */
import { PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { env } from '../env.ts'
import type { Notice } from '../facts.ts'
import type { Derived, FirstRead, VisitorDayGrowth } from '../track/derive.ts'
import { eachLimited, isConditionFailed, type Table } from './client.ts'
import { factLifeSeconds, keys } from './keys.ts'

const atOnce = 8
const noticeLifeSeconds = 90 * 86_400

/** About 15 MB of ids. */
const mostWritten = 100_000

function idOf({ host, slug, day, visitor }: VisitorDayGrowth, halfHour: number): string {
  return `${host} ${slug} ${day} ${visitor} ${halfHour}`
}

export function createDerived(table: Table) {
  const TableName = env.table('facts')

  async function firstRead({ host, slug, at }: FirstRead): Promise<void> {
    await table.send(
      new UpdateCommand({
        TableName,
        Key: keys.link(host, slug),
        UpdateExpression: 'SET firstReadAt = :at',
        ConditionExpression: 'attribute_exists(pk) AND (attribute_not_exists(firstReadAt) OR firstReadAt > :at)',
        ExpressionAttributeValues: { ':at': at },
      }),
    )
  }

  async function visitorDay(growth: VisitorDayGrowth, ttl: number): Promise<void> {
    const { kind: _, linkKind, halfHours, day, visitor, ...rest } = growth
    const fixed = Object.entries({ type: 'visitor_day', ...rest, kind: linkKind, ttl })
    await table.send(
      new UpdateCommand({
        TableName,
        Key: keys.visitorDay(growth.host, growth.slug, day, visitor),
        UpdateExpression: `SET ${fixed.map((_, i) => `#a${i} = if_not_exists(#a${i}, :a${i})`).join(', ')} ADD halfHours :h`,
        ExpressionAttributeNames: Object.fromEntries(fixed.map(([name], i) => [`#a${i}`, name])),
        ExpressionAttributeValues: {
          ':h': halfHours,
          ...Object.fromEntries(fixed.map(([, value], i) => [`:a${i}`, value])),
        },
      }),
    )
  }

  async function notice(item: Notice): Promise<void> {
    // From the notice's own time, never the wall's: a message's is cut to the hour, and its expiry must not tell more.
    const ttl = Math.ceil(item.at / 1000) + noticeLifeSeconds
    await table.send(
      new PutCommand({
        TableName,
        Item: { ...keys.notice(item.ws, item.id), ...item, ttl },
        ConditionExpression: 'attribute_not_exists(pk)',
      }),
    )
  }

  /** Half-hours of visitor-days this process has written: most hits of a visitor repeat one. */
  const written = new Set<string>()

  /** What of it this process has not written yet. */
  function unwritten(derived: Derived): Derived | undefined {
    if (derived.kind !== 'visitor_day') return derived
    const halfHours = new Set([...derived.halfHours].filter((halfHour) => !written.has(idOf(derived, halfHour))))
    return halfHours.size === 0 ? undefined : { ...derived, halfHours }
  }

  function remember(derived: Derived): void {
    if (derived.kind !== 'visitor_day') return
    if (written.size > mostWritten) written.clear()
    for (const halfHour of derived.halfHours) written.add(idOf(derived, halfHour))
  }

  async function write(all: Derived, nowSeconds: number): Promise<void> {
    const derived = unwritten(all)
    if (!derived) return
    try {
      if (derived.kind === 'first_read') await firstRead(derived)
      else if (derived.kind === 'visitor_day') await visitorDay(derived, nowSeconds + factLifeSeconds)
      else await notice(derived.notice)
      remember(derived)
    } catch (error) {
      // It was there already, or an earlier read is: nothing to do.
      if (!isConditionFailed(error)) throw error
    }
  }

  return {
    async write(all: Derived[], nowWall: number): Promise<void> {
      const nowSeconds = Math.floor(nowWall / 1000)
      await eachLimited(all, atOnce, (derived) => write(derived, nowSeconds))
    },
  }
}
