/** The adapter in front of the handlers, over real sockets: what a request becomes, what an answer becomes. */
import { once } from 'node:events'
import { request, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import type { APIGatewayProxyEventV2 } from 'aws-lambda'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createHttpServer, type HttpHandler } from '../../local/http.ts'

const servers: Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.close()
    server.closeAllConnections()
  }
  vi.restoreAllMocks()
})

async function serve(routes: Record<string, HttpHandler>, trustProxy = 0): Promise<{ url: string; port: number }> {
  const all = Object.entries(routes).map(([route, handler]) => ({ route, handler }))
  const server = createHttpServer({ routes: all, trustProxy }).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, port }
}

/** Keeps the events it is given. */
function recorder() {
  const events: APIGatewayProxyEventV2[] = []
  const handler: HttpHandler = async (event) => {
    events.push(event)
    return { statusCode: 200, body: 'ok' }
  }
  return { events, handler }
}

const named =
  (body: string): HttpHandler =>
  async () => ({ statusCode: 200, body })

/** What a server answers to these very bytes. */
async function raw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(bytes, 'latin1')
  return text(socket.setEncoding('latin1'))
}

const get = (target: string, ...headers: string[]) =>
  `GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${headers.map((header) => `${header}\r\n`).join('')}\r\n`

describe('a request', () => {
  test('becomes the event of API Gateway: path as it was sent, query apart, header names in lower case', async () => {
    const { events, handler } = recorder()
    const { port } = await serve({ 'ANY /{slug}': handler })
    await raw(port, get('/a%2Fb%zz?x=%41&y=1?2', 'User-Agent: Some Browser', 'X-Odd: a', 'x-odd: b'))
    expect(events).toHaveLength(1)
    expect(events[0]).toMatchObject({
      version: '2.0',
      rawPath: '/a%2Fb%zz',
      rawQueryString: 'x=%41&y=1?2',
      headers: { 'user-agent': 'Some Browser', 'x-odd': 'a, b' },
      requestContext: { http: { method: 'GET', path: '/a%2Fb%zz', userAgent: 'Some Browser', sourceIp: '127.0.0.1' } },
      isBase64Encoded: false,
    })
    expect(events[0]).not.toHaveProperty('body')
  })

  test('carries any bytes in its body, and none when there are none', async () => {
    const { events, handler } = recorder()
    const { url } = await serve({ 'ANY /{slug}': handler })
    const bytes = Uint8Array.from({ length: 1024 }, (_, i) => i & 255)
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) await fetch(`${url}/a`, { method, body: bytes })
    await fetch(`${url}/a`, { method: 'POST' })
    for (const { body, isBase64Encoded } of events.slice(0, 4))
      expect([isBase64Encoded, Buffer.from(body!, 'base64').equals(bytes)]).toEqual([true, true])
    expect(events[4]).not.toHaveProperty('body')
  })

  test('of 11 MB passes; a byte more is answered 413 and never reaches a handler', async () => {
    const { events, handler } = recorder()
    const { url } = await serve({ 'POST /{slug}': handler })
    const post = (bytes: number) => fetch(`${url}/a`, { method: 'POST', body: Buffer.alloc(bytes, 'a') })
    expect((await post(11_000_000)).status).toBe(200)
    const refused = await post(11_000_001)
    expect([refused.status, await refused.text()]).toEqual([413, 'Too large: at most 10 MB\n'])
    expect(events.map(({ body }) => body?.length)).toEqual([Math.ceil(11_000_000 / 3) * 4])
  })

  test('that breaks off in its body reaches no handler, and the next one is served', async () => {
    const { events, handler } = recorder()
    const { url, port } = await serve({ 'ANY /{slug}': handler })
    const logged = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const socket = connect(port, '127.0.0.1')
    socket.write('POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nbegun')
    await once(socket, 'connect')
    socket.destroy()
    await vi.waitFor(() => expect(logged).toHaveBeenCalledWith(expect.stringContaining('http.failed')))
    expect((await fetch(`${url}/b`)).status).toBe(200)
    expect(events.map(({ rawPath }) => rawPath)).toEqual(['/b'])
  })

  test('that is no HTTP, or far too long, is refused and the next one is served', async () => {
    const { events, handler } = recorder()
    const { url, port } = await serve({ 'ANY /{slug}': handler })
    expect(await raw(port, 'not http at all\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
    expect(await raw(port, get(`/${'a'.repeat(20_000)}`))).toMatch(/^HTTP\/1\.1 431 /)
    expect((await fetch(`${url}/${'a'.repeat(8_000)}`)).status).toBe(200)
    expect(events.map(({ rawPath }) => rawPath.length)).toEqual([8_001])
  })
})

describe('a route', () => {
  const pages = {
    'ANY /{slug}': named('slug'),
    'ANY /v1/{path+}': named('api'),
    'ANY /p/{slug}': named('page'),
    'GET /': named('home'),
    'GET /health': named('health'),
  }

  test.each([
    ['GET', '/', 'home'],
    ['GET', '/?a=/p/b', 'home'],
    ['GET', '/abc', 'slug'],
    ['GET', '/abc?x', 'slug'],
    ['GET', '/health', 'health'],
    ['POST', '/health', 'slug'],
    ['GET', '/p/abc', 'page'],
    ['DELETE', '/p/abc', 'page'],
    ['GET', '/p', 'slug'],
    ['GET', '/v1/campaigns', 'api'],
    ['GET', '/v1/campaigns/cmp_1/report', 'api'],
    ['GET', '/v1', 'slug'],
    ['GET', '/%70/abc', 404],
    ['GET', '/p/', 404],
    ['GET', '/p/a/b', 404],
    ['GET', '//', 404],
    ['GET', '/abc/', 404],
    ['POST', '/', 404],
    ['GET', '/v1/', 404],
  ])('is chosen as API Gateway does, fixed words before parameters: %s %s → %s', async (method, target, expected) => {
    const { port } = await serve(pages)
    const answer = await raw(port, get(target).replace('GET', method))
    const status = Number(answer.slice(9, 12))
    expect(status === 200 ? answer.split('\r\n\r\n')[1] : status).toBe(expected)
  })

  test.each(['http://elsewhere.example/abc', '*', 'abc'])('is none for the target %s', async (target) => {
    const { port } = await serve(pages)
    expect(await raw(port, get(target))).toMatch(/^HTTP\/1\.1 (404|400) /)
  })
})

describe('the client’s address', () => {
  const spoofed = '198.51.100.1, 203.0.113.7, 10.0.0.9'

  test.each([
    [0, [spoofed], '127.0.0.1'],
    [0, [], '127.0.0.1'],
    [1, [spoofed], '10.0.0.9'],
    [1, [], '127.0.0.1'],
    [1, [''], '127.0.0.1'],
    [1, [' , ,'], '127.0.0.1'],
    [1, ['198.51.100.1', '203.0.113.7'], '203.0.113.7'],
    [2, [spoofed], '203.0.113.7'],
    [2, ['203.0.113.7'], '203.0.113.7'],
    [1, ['198.51.100.1,203.0.113.7:4711'], '203.0.113.7'],
    [1, ['[2001:db8::7]:4711'], '2001:db8::7'],
    [1, ['[2001:db8::7]'], '2001:db8::7'],
    [1, ['2001:db8::7'], '2001:db8::7'],
    [1, ['::ffff:203.0.113.7'], '::ffff:203.0.113.7'],
  ])('behind %i proxies, with %j forwarded, is %s', async (trustProxy, forwarded, expected) => {
    const { events, handler } = recorder()
    const { port } = await serve({ 'ANY /{slug}': handler }, trustProxy)
    await raw(port, get('/a', ...forwarded.map((value) => `X-Forwarded-For: ${value}`)))
    expect(events[0]!.requestContext.http.sourceIp).toBe(expected)
  })
})

describe('an answer', () => {
  test('to HEAD has the length of its body and no body', async () => {
    const { port } = await serve({ 'ANY /{slug}': named('é and more') })
    const answer = await raw(port, get('/a').replace('GET', 'HEAD'))
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    expect(answer.toLowerCase()).toContain('\r\ncontent-length: 11\r\n')
    expect(answer.endsWith('\r\n\r\n')).toBe(true)
  })

  test('may be bytes, with cookies and headers that are numbers', async () => {
    const bytes = Buffer.from([0, 255, 128, 10, 13])
    const { url } = await serve({
      'ANY /{slug}': async () => ({
        body: bytes.toString('base64'),
        isBase64Encoded: true,
        cookies: ['a=1', 'b=2'],
        headers: { 'retry-after': 5, 'x-yes': true },
      }),
    })
    const response = await fetch(`${url}/a`)
    expect(response.status).toBe(200)
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true)
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect([response.headers.get('retry-after'), response.headers.get('x-yes')]).toEqual(['5', 'true'])
  })

  test.each<[string, HttpHandler]>([
    ['throws', async () => Promise.reject(new Error('the secret is 42'))],
    ['rejects with no error', async () => Promise.reject({ secret: 42 })],
    ['breaks a header', async () => ({ statusCode: 302, headers: { location: '/a\r\nset-cookie: secret=42' } })],
    ['names an impossible header', async () => ({ statusCode: 200, headers: { 'se cret': '42' } })],
    [
      'has a header no wire can carry',
      async () => ({ statusCode: 302, headers: { location: 'https://secret.例/42' } }),
    ],
    ['has an impossible status', async () => ({ statusCode: 42, body: 'secret' })],
  ])('of a handler that %s is a 500 without detail, and is logged; the server goes on', async (_, handler) => {
    const logged = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const { port, url } = await serve({ 'ANY /{slug}': handler, 'GET /fine': named('fine') })
    for (const method of ['GET', 'HEAD', 'POST']) {
      const answer = await raw(port, get('/a').replace('GET', method))
      expect(answer).toMatch(/^HTTP\/1\.1 500 /)
      expect(answer).not.toMatch(/secret|set-cookie|at .*\.ts/i)
      expect(answer.split('\r\n\r\n')[1]).toBe(method === 'HEAD' ? '' : 'Something went wrong on our side\n')
    }
    expect(logged).toHaveBeenCalledTimes(3)
    expect(JSON.parse(String(logged.mock.calls[0]![0]))).toMatchObject({ level: 'error', event: 'http.failed' })
    expect(await (await fetch(`${url}/fine`)).text()).toBe('fine')
  })

  test('to many requests on one connection comes in their order', async () => {
    const { port } = await serve({
      'ANY /{slug}': async ({ rawPath }) => {
        await new Promise((resolve) => setTimeout(resolve, rawPath === '/slow' ? 50 : 0))
        return { statusCode: 200, body: rawPath }
      },
    })
    const keepAlive = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`
    const answers = await raw(port, keepAlive('/slow') + keepAlive('/fast') + get('/last'))
    expect(answers.match(/\/(slow|fast|last)/g)).toEqual(['/slow', '/fast', '/last'])
  })

  test('is given up when nobody waits for it any more', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { url } = await serve({
      'GET /slow': async () => {
        await promise
        return { statusCode: 200, body: 'late' }
      },
      'GET /fine': named('fine'),
    })
    const waiting = request(`${url}/slow`).on('error', () => {})
    waiting.end()
    await once(waiting, 'finish')
    waiting.destroy()
    resolve()
    expect(await (await fetch(`${url}/fine`)).text()).toBe('fine')
  })
})
