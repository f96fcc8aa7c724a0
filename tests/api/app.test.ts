import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createApp, handler } from '../../functions/api/app.ts'
import { createHttpServer } from '../../local/http.ts'
import { isApiKey, newApiKey } from '../../shared/id.ts'
import { type Api, aCampaign, ada, send, startApi } from './start-api.ts'

let api: Api
beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api.stop())
afterEach(() => vi.restoreAllMocks())

describe('health and document', () => {
  test('health needs no key', async () => {
    const { status, body } = await api.call('GET', '/v1/health', { key: '' })
    expect([status, body]).toEqual([200, { status: 'ok', version: expect.stringMatching(/^\d+\.\d+\.\d+$/) }])
  })

  test('the document is OpenAPI 3.1 and names every route, and only those', async () => {
    const { body } = await api.call('GET', '/v1/openapi.json', { key: '' })
    expect(body.openapi).toBe('3.1.0')
    const documented = Object.entries<object>(body.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const routed = api.app.routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`)
    expect(documented.sort()).toEqual([...new Set(routed)].sort())
  })

  test('every guarded operation names its scope, and every reference in the document resolves', async () => {
    const { text, body } = await api.call('GET', '/v1/openapi.json', { key: '' })
    const open = Object.entries<Record<string, { security?: object }>>(body.paths)
      .filter(([, operations]) => Object.values(operations).some(({ security }) => security === undefined))
      .map(([path]) => path)
    expect(open).toEqual(['/v1/health', '/v1/openapi.json'])
    const names = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name)
    expect(names.length).toBeGreaterThan(5)
    for (const name of names) expect(body.components.schemas).toHaveProperty(name!)
  })
})

describe('who calls', () => {
  test.each([
    ['no key', {}],
    ['another scheme', { authorization: 'Basic cGFzczpwYXNz' }],
    ['a key that does not exist', { authorization: `Bearer ${newApiKey()}` }],
  ])('%s: 401', async (_name, headers) => {
    const answer = await api.call('GET', '/v1/campaigns', { key: '', headers })
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe('Bearer')
    expect(answer.body.code).toBe('unauthorized')
  })

  test('a mistyped key costs no read', async () => {
    const mistyped = api.own.key.slice(0, -1) + (api.own.key.endsWith('0') ? '1' : '0')
    expect(isApiKey(mistyped)).toBe(false)
    const before = api.reads()
    expect((await api.call('GET', '/v1/campaigns', { key: mistyped })).status).toBe(401)
    expect(api.reads()).toBe(before)
    await api.call('GET', '/v1/campaigns')
    expect(api.reads()).toBeGreaterThan(before)
  })

  test('a key is known before a body is looked at', async () => {
    expect((await api.call('POST', '/v1/campaigns', { key: '', body: '{' })).status).toBe(401)
  })
})

describe('problems', () => {
  const problem = { requestId: expect.stringMatching(/^req_/), errors: expect.any(Array), detail: expect.any(String) }

  test('unknown path: 404, as problem+json with the request id of the header', async () => {
    const { status, headers, body } = await api.call('GET', '/v1/nothing', { key: '' })
    expect(status).toBe(404)
    expect(headers.get('content-type')).toBe('application/problem+json')
    expect(headers.get('x-request-id')).toBe(body.requestId)
    expect(body).toEqual({
      ...problem,
      type: 'urn:passalong:problem:not_found',
      title: 'Not found',
      status: 404,
      code: 'not_found',
    })
  })

  test.each([
    ['DELETE', '/v1/campaigns', 'POST, GET, HEAD'],
    ['PUT', '/v1/links/abc', 'GET, HEAD'],
    ['GET', '/v1/campaigns/cmp_00000000000000000000/launch', 'POST'],
    ['OPTIONS', '/v1/health', 'GET, HEAD'],
  ])('%s %s: 405 with Allow', async (method, path, allow) => {
    const { status, headers, body } = await api.call(method, path)
    expect([status, headers.get('allow'), body.code]).toEqual([405, allow, 'method_not_allowed'])
  })

  test('HEAD is GET without a body', async () => {
    const { status, text } = await api.call('HEAD', '/v1/health')
    expect([status, text]).toEqual([200, ''])
  })

  test('an unknown field is named by its pointer', async () => {
    const { status, body } = await api.call('POST', '/v1/campaigns', { json: { ...aCampaign, window: 3, 'a/b': 1 } })
    expect(status).toBe(400)
    expect(body.errors.map(({ field }: { field: string }) => field)).toEqual(['/window', '/a~1b'])
  })

  test('missing and wrong fields are named', async () => {
    const json = { sender: 'x', destination: 5, windowHours: 721 }
    const { body } = await api.call('POST', '/v1/campaigns', { json })
    expect(body.errors.map(({ field }: { field: string }) => field)).toEqual(['/name', '/destination', '/windowHours'])
  })

  test('an unknown query option is named', async () => {
    const { status, body } = await api.call('GET', '/v1/campaigns?limit=101&cursr=x')
    expect(status).toBe(400)
    expect(body.errors.map(({ field }: { field: string }) => field)).toEqual(['?limit', '?cursr'])
  })

  test('a cursor that is not ours', async () => {
    const { status, body } = await api.call('GET', '/v1/campaigns?cursor=xyz')
    expect([status, body.errors[0].field]).toEqual([400, '?cursor'])
  })

  test.each([
    ['{a}', 1, 'line 1, column 2'],
    ['{"name":bad}', 8, 'line 1, column 9'],
    ['{"name":\n  "b" "c"}', 15, 'line 2, column 7'],
    ['{"name":"x"', 11, 'line 1, column 12'],
    ['{"name":"x"}}', 12, 'line 1, column 13'],
    ['nul', 3, 'line 1, column 4'],
    ['x', 0, 'line 1, column 1'],
  ])('no JSON: %s breaks at %i', async (body, position, place) => {
    const answer = await api.call('POST', '/v1/campaigns', { body })
    expect(answer.status).toBe(400)
    expect(answer.body.detail).toContain(`position ${position} (${place})`)
  })

  test('an empty body and a wrong media type', async () => {
    expect((await api.call('POST', '/v1/campaigns', { body: ' ' })).body.detail).toMatch(/empty/)
    const headers = { 'content-type': 'text/plain' }
    const { status, body } = await api.call('POST', '/v1/campaigns', { body: '{}', headers })
    expect([status, body.code]).toEqual([400, 'invalid_request'])
    expect(body.detail).toMatch(/Content-Type/)
  })

  test('a body over 256 kB', async () => {
    const { status, body } = await api.call('POST', '/v1/campaigns', { body: `{"name":"${'x'.repeat(262_144)}"}` })
    expect([status, body.code]).toEqual([413, 'too_large'])
  })

  test('what nobody expected is logged under the request id and told to nobody', async () => {
    const canary = 'canary-text-in-an-error'
    const create = () => Promise.reject(new Error(`could not store ${canary}`))
    const broken = createApp({ ...api.deps, campaigns: { ...api.deps.campaigns, create } })
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const answer = await send(broken, 'POST', '/v1/campaigns', { key: api.own.key, json: aCampaign })
    const logged = stderr.mock.calls.join('\n')
    expect([answer.status, answer.body.code]).toEqual([500, 'internal'])
    expect(answer.text).not.toContain(canary)
    expect(logged).toContain(answer.body.requestId)
    expect(logged).toContain('app.test.ts')
    expect(logged).not.toContain(canary)
    expect(logged).not.toContain(api.own.key)
  })
})

test('no message text, evidence or key reaches a log', async () => {
  const canary = 'canary7319'
  process.env.LOG_LEVEL = 'debug'
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  const queue = { send: () => Promise.reject(new Error('no queue')) }
  const app = createApp({ ...api.deps, queue })
  const ask = (method: string, path: string, json?: unknown) => send(app, method, path, { key: api.own.key, json })
  const message = `${canary} {{ name }} {{ link }}`
  const { body: campaign } = await ask('POST', '/v1/campaigns', { ...aCampaign, message, relayText: canary })
  const path = `/v1/campaigns/${campaign.id}`
  await ask('POST', '/v1/campaigns', { ...aCampaign, message: `${canary} {{ ${canary} }}` })
  await ask('POST', `${path}/recipients`, { recipients: [{ ...ada, consent_evidence: canary }, canary] })
  await ask('POST', `${path}/recipients`, { recipients: [{ ...ada, consent_evidence: canary }] })
  expect((await ask('POST', `${path}/launch`, {})).body.state).toBe('sending')
  for (const call of ['pause', 'resume', 'cancel', 'cancel']) await ask('POST', `${path}/${call}`)
  await ask('GET', `${path}/report`)
  delete process.env.LOG_LEVEL
  const logged = stderr.mock.calls.join('\n')
  expect(logged).toContain('turn.not_seeded')
  expect(logged).not.toContain(canary)
  expect(logged).not.toContain(api.own.key)
})

test('the exported handler, over HTTP: read from its environment at the first call', async () => {
  const server = createHttpServer({ routes: [{ route: 'ANY /v1/{path+}', handler }], trustProxy: 0 })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  const post = (path: string, type: string, body: string) => {
    const headers = { authorization: `Bearer ${api.own.key}`, 'content-type': type }
    return fetch(base + path, { method: 'POST', headers, body })
  }
  try {
    const created = await post('/campaigns', 'application/json', JSON.stringify({ ...aCampaign, name: 'Élan' }))
    const { id, name } = (await created.json()) as { id: string; name: string }
    expect([created.status, name]).toEqual([201, 'Élan'])
    const added = await post(`/campaigns/${id}/recipients`, 'text/csv', 'handle;x_user_id;name\nnoe_zen;7;Noé')
    expect(await added.json()).toMatchObject({ added: { pending: 0, suppressed: 1 } })
    expect((await post('/campaigns', 'application/json', '{')).headers.get('content-type')).toMatch(/problem\+json/)
    expect((await fetch(`${base}/health`, { method: 'HEAD' })).status).toBe(200)
  } finally {
    server.close()
    server.closeAllConnections()
  }
})
