/**
 * Destroys salts whose day is over: without its salt nobody can compute a day's visitor hashes again. The rows' TTL is
 * a second net; DynamoDB may take days over it.
 */
import { DeleteCommand } from '@aws-sdk/lib-dynamodb'
import { env } from '../env.ts'
import type { Table } from './client.ts'
import { dayOf, keys } from './keys.ts'

const dayMs = 86_400_000
/** A request that came before midnight may still be on its way. */
const graceMs = 10 * 60_000

export function createSaltEnder(table: Table) {
  let ended = ''

  /** Yesterday's and the day before's, once each per process. */
  return async function endSalts(now: number): Promise<void> {
    const day = dayOf(now - graceMs - dayMs)
    if (day === ended) return
    for (const past of [day, dayOf(now - graceMs - 2 * dayMs)])
      await table.send(new DeleteCommand({ TableName: env.table('ephemera'), Key: keys.salt(past) }))
    ended = day
  }
}
