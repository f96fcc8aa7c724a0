import { afterAll, beforeAll, expect, test } from 'vitest'
import { stopToken } from '../../shared/broadcast/stop-token.ts'
import { type Api, startApi } from './start-api.ts'

let api: Api
beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api.stop())

const suppress = (json: unknown) => api.call('POST', '/v1/suppressions', { json })

test('who said stop is suppressed in this workspace, at once and once', async () => {
  const secret = await api.deps.stopSecret()
  const isSuppressed = (ws: string) => api.deps.links.isSuppressed(ws, stopToken(secret, ws, '7000000001'))
  expect(await isSuppressed(api.own.ws)).toBe(false)
  for (let i = 0; i < 2; i++) {
    const { status, body } = await suppress({ x_user_id: '7000000001' })
    expect([status, body]).toEqual([201, { x_user_id: '7000000001', suppressed: true }])
  }
  expect(await isSuppressed(api.own.ws)).toBe(true)
  expect(await isSuppressed(api.foreign.ws)).toBe(false)
})

test('and written to again when they say so, here alone', async () => {
  const secret = await api.deps.stopSecret()
  await suppress({ x_user_id: '7000000002' })
  await api.call('POST', '/v1/suppressions', { key: api.foreign.key, json: { x_user_id: '7000000002' } })
  const { status, body } = await api.call('DELETE', '/v1/suppressions/7000000002')
  expect([status, body]).toEqual([200, { x_user_id: '7000000002', suppressed: false }])
  const still = [api.own.ws, api.foreign.ws].map((ws) =>
    api.deps.links.isSuppressed(ws, stopToken(secret, ws, '7000000002')),
  )
  expect(await Promise.all(still)).toEqual([false, true])
})

test.each([{}, { x_user_id: 'ada' }, { x_user_id: 7 }, { x_user_id: '1', why: 'x' }])('%j is refused', async (json) => {
  expect((await suppress(json)).status).toBe(400)
})
