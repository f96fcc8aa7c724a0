/** Every operation of the document × a foreign workspace, a missing scope and no key: a new route is covered at once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createApp } from '../../functions/api/app.ts'
import type { ApiDeps } from '../../functions/api/context.ts'
import { type Answer, type Api, aCampaign, ada, startApi } from './start-api.ts'

interface Operation {
  method: string
  path: string
  id: string
  scope: string
  hasBody: boolean
}

interface Documented {
  operationId: string
  security?: { apiKey: string[] }[]
  requestBody?: object
}

/** The document does not depend on what the API is made of. */
const site = { publicUrl: 'http://127.0.0.1:3000', xApiUrl: 'http://127.0.0.1:4010' }
const answer = await createApp(site as ApiDeps).request('/v1/openapi.json')
const { paths } = (await answer.json()) as { paths: Record<string, Record<string, Documented>> }
const operations: Operation[] = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).flatMap(([method, { operationId: id, security, requestBody }]) =>
    security
      ? [{ method: method.toUpperCase(), path, id, scope: security[0]!.apiKey[0]!, hasBody: !!requestBody }]
      : [],
  ),
)

/** A body each operation would accept from the owner. */
const bodies: Record<string, unknown> = {
  createCampaign: aCampaign,
  createLink: { destination: 'https://carnets.example.org/' },
  createSuppression: { x_user_id: '7000000009' },
  importRecipients: { recipients: [ada] },
  launchCampaign: {},
}

let api: Api
let ids: Record<string, string>
const theirs = async (): Promise<string> => {
  const key = api.foreign.key
  const found: Answer[] = []
  for (const path of [
    `campaigns/${ids.id}`,
    `campaigns/${ids.id}/recipients`,
    `links/${ids.slug}`,
    'accounts',
    'campaigns',
  ])
    found.push(await api.call('GET', `/v1/${path}`, { key }))
  expect(found.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  return JSON.stringify(found.map(({ body }) => body))
}

beforeAll(async () => {
  api = await startApi()
  const { key } = api.foreign
  const { body: campaign } = await api.call('POST', '/v1/campaigns', { key, json: aCampaign })
  await api.call('POST', `/v1/campaigns/${campaign.id}/recipients`, { key, json: { recipients: [ada] } })
  const { body: link } = await api.call('POST', '/v1/links', { key, json: bodies.createLink })
  await api.call('POST', '/v1/suppressions', { key, json: bodies.createSuppression })
  ids = { id: campaign.id, slug: link.slug, x_user_id: '7000000009' }
})
afterAll(() => api.stop())

const call = ({ method, path, id, hasBody }: Operation, key: string): Promise<Answer> => {
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => ids[name] ?? expect.fail(`no foreign ${name} to try`))
  return api.call(method, filled, { key, ...(hasBody && { json: bodies[id] }) })
}

const named = operations.filter(({ path }) => path.includes('{'))

test('there is something to try', () => {
  expect(operations.length).toBeGreaterThan(12)
  expect(operations.filter(({ id, hasBody }) => hasBody && !(id in bodies))).toEqual([])
})

describe.each(named.map((operation) => [`${operation.method} ${operation.path}`, operation] as const))(
  '%s',
  (_name, operation) => {
    test('of another workspace: 404, and nothing there changes', async () => {
      const before = await theirs()
      const { status, body } = await call(operation, api.own.key)
      expect([status, body.code]).toEqual([404, 'not_found'])
      expect(await theirs()).toBe(before)
    })

    test('is answered the same whether it exists elsewhere or nowhere', async () => {
      const known = await call(operation, api.own.key)
      const was = ids
      ids = { id: 'cmp_00000000000000000000', slug: '0000000000', x_user_id: '7000000008' }
      const unknown = await call(operation, api.own.key)
      const blank = (answer: Answer, id: string) => answer.text.replaceAll(id, '').replace(/req_\w+/g, '')
      expect(blank(known, was.id!)).toBe(blank(unknown, ids.id!))
      ids = was
    })
  },
)

describe.each(operations.map((operation) => [`${operation.method} ${operation.path}`, operation] as const))(
  '%s',
  (_name, operation) => {
    test('without its scope: 403 naming it', async () => {
      const scopes = [...new Set(operations.map(({ scope }) => scope))].filter((scope) => scope !== operation.scope)
      const { status, body } = await call(operation, await api.newKey(api.own.ws, scopes))
      expect([status, body.code]).toEqual([403, 'forbidden'])
      expect(body.detail).toContain(operation.scope)
    })

    test('with its scope alone: let through', async () => {
      const { status } = await call(operation, await api.newKey(api.own.ws, [operation.scope]))
      expect([200, 201, 404]).toContain(status)
    })

    test('without a key: 401', async () => {
      expect((await call(operation, '')).status).toBe(401)
    })
  },
)

test('lists hold nothing of another workspace', async () => {
  const campaigns = await api.call('GET', '/v1/campaigns')
  expect(campaigns.text).not.toContain(ids.id)
  const accounts = await api.call('GET', '/v1/accounts')
  expect(accounts.body).toEqual({ data: [{ id: api.own.account, handle: 'camille_artois' }] })
})

test("another workspace's account cannot send, and its being there is not told", async () => {
  const refused = async (account: string) =>
    (await api.call('POST', '/v1/campaigns', { json: { ...aCampaign, account } })).body
  const [foreign, unknown] = [await refused(api.foreign.account), await refused('acc_nobody')]
  expect(foreign).toMatchObject({ status: 422, errors: [{ field: '/account' }] })
  expect(foreign.detail).toBe(unknown.detail)
  expect(foreign.detail).not.toContain('rival_garden')
})
