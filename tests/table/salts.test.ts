import { GetCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { env } from '../../shared/env.ts'
import type { Clock } from '../../shared/ports/clock.ts'
import { createTable } from '../../shared/table/client.ts'
import { keys } from '../../shared/table/keys.ts'
import { createSalts } from '../../shared/table/salts.ts'
import { createSignedClient } from '../../shared/table/signed.ts'
import { type Engines, startEngines } from '../engines.ts'

const hourMs = 3_600_000
let engines: Engines
beforeAll(async () => {
  engines = await startEngines()
})
afterAll(() => engines.stop())

function standing(campaign: number, scale = 1) {
  const clock: Clock & { wallNow: number } = {
    wallNow: campaign,
    wall: () => clock.wallNow,
    campaign: () => campaign,
    wallMs: (ms) => ms / scale,
  }
  return clock
}

const saltsAt = (clock: Clock, endpoint = engines.endpoint) =>
  createSalts({ client: createSignedClient({ region: 'local', endpoint }), table: env.table('ephemera'), clock })

test('everybody has the same salt on a day, and another the next day', async () => {
  const day = Date.UTC(2026, 10, 24, 8)
  const salts = await Promise.all(Array.from({ length: 20 }, () => saltsAt(standing(day)).of(day)))
  expect(new Set(salts).size).toBe(1)
  expect(Buffer.from(salts[0]!, 'base64url')).toHaveLength(32)
  const one = saltsAt(standing(day))
  expect(await one.of(day + 15 * hourMs)).toBe(salts[0])
  expect(await one.of(day + 16 * hourMs)).not.toBe(salts[0])
})

test.each([
  ['real time', 1, 16 + 1],
  ['a day of 24 minutes', 60, 16 / 60 + 1],
])('the stored salt expires an hour after its day: %s', async (_, scale, hours) => {
  const at = Date.UTC(2026, 11, scale > 1 ? 2 : 1, 8)
  await saltsAt(standing(at, scale)).of(at)
  const table = createTable()
  const key = keys.salt(new Date(at).toISOString().slice(0, 10))
  const { Item } = await table.send(new GetCommand({ TableName: env.table('ephemera'), Key: key }))
  table.destroy()
  expect(Item?.ttl).toBe(at / 1000 + hours * 3600)
})

test('without the table there is a salt of the process, and the shared one once it is back', async () => {
  const at = Date.UTC(2026, 11, 5, 8)
  const clock = standing(at)
  let endpoint = 'http://127.0.0.1:1'
  const client = (): ReturnType<typeof createSignedClient> => createSignedClient({ region: 'local', endpoint })
  const salts = createSalts({
    client: { getItem: (...a) => client().getItem(...a), putItem: (...a) => client().putItem(...a) },
    table: env.table('ephemera'),
    clock,
  })
  const own = await salts.of(at)
  endpoint = engines.endpoint
  expect(await salts.of(at)).toBe(own)
  clock.wallNow += 6_000
  const shared = await salts.of(at)
  expect(shared).not.toBe(own)
  expect(shared).toBe(await saltsAt(standing(at)).of(at))
})
