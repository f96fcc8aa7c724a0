import { once } from 'node:events'
import { createServer as createHttp, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { connect, readAnswer } from '../../shared/table/connection.ts'

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    if ('closeAllConnections' in server) (server as ReturnType<typeof createHttp>).closeAllConnections()
    server.close()
    await once(server, 'close')
  }
})

async function listen(server: Server): Promise<string> {
  servers.push(server.listen(0, '127.0.0.1'))
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const serve = (answer: RequestListener) => listen(createHttp(answer))
const headersFor = (origin: string, body: string) => {
  return ['host', new URL(origin).host, 'content-length', String(Buffer.byteLength(body))]
}

describe('against a real HTTP server', () => {
  test('what is posted arrives as it is, again and again on one connection', async () => {
    let sockets = 0
    const server = createHttp((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => response.end(`${request.method} ${request.headers['x-a']} ${Buffer.concat(chunks)}`))
    })
    server.on('connection', () => sockets++)
    const origin = await listen(server)
    const connection = connect(origin)
    for (const body of ['{}', 'é€🐝'.repeat(5000), ' ']) {
      const answer = await connection.post([...headersFor(origin, body), 'x-a', 'b'], body, 2000)
      expect(answer).toEqual({ kind: 'answered', status: 200, body: `POST b ${body}` })
    }
    expect(sockets).toBe(1)
    expect(connection.free()).toBe(true)
  })

  test('a chunked answer, and one that ends the connection', async () => {
    const origin = await serve((request, response) => {
      request.resume()
      if (request.headers['x-a'] === 'close') response.setHeader('connection', 'close')
      response.writeHead(400)
      response.write('one, ')
      setImmediate(() => response.end('two'))
    })
    const connection = connect(origin)
    const answer = { kind: 'answered', status: 400, body: 'one, two' }
    expect(await connection.post(headersFor(origin, ''), '', 2000)).toEqual(answer)
    expect(await connection.post([...headersFor(origin, ''), 'x-a', 'close'], '', 2000)).toEqual(answer)
    expect(connection.free()).toBe(false)
  })

  test('no answer in time, nobody there, an answer cut short: lost, with the reason', async () => {
    const silent = await serve(() => {})
    const slow = connect(silent)
    expect(await slow.post(headersFor(silent, ''), '', 50)).toEqual({
      kind: 'lost',
      reason: 'no answer in 50 ms',
      stale: false,
    })
    expect(slow.free()).toBe(false)

    const nobody = connect('http://127.0.0.1:1')
    expect(await nobody.post(headersFor('http://127.0.0.1:1', ''), '', 1000)).toMatchObject({
      kind: 'lost',
      reason: 'ECONNREFUSED',
    })

    const cut = await listen(
      createTcp((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'))),
    )
    expect(await connect(cut).post(headersFor(cut, ''), '', 1000)).toEqual({
      kind: 'lost',
      reason: 'ECONNRESET',
      stale: false,
    })
  })

  test('a kept connection that the other side closed is stale: safe to try on another', async () => {
    const origin = await listen(
      createTcp((socket) => {
        let asked = 0
        socket.on('error', () => {})
        socket.on('data', () =>
          asked++ === 0 ? socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n') : socket.destroy(),
        )
      }),
    )
    const connection = connect(origin)
    expect(await connection.post(headersFor(origin, ''), '', 1000)).toMatchObject({ kind: 'answered' })
    expect(await connection.post(headersFor(origin, ''), '', 1000)).toMatchObject({ kind: 'lost', stale: true })
  })
})

describe('reading an answer', () => {
  const whole = fc.oneof(
    fc.string({ unit: 'grapheme' }).map((body) => ({
      body,
      bytes: Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body)}\r\nX: y\r\n\r\n${body}`),
    })),
    fc.array(fc.string({ unit: 'grapheme', minLength: 1 })).map((parts) => ({
      body: parts.join(''),
      bytes: Buffer.from(
        `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${parts
          .map((part) => `${Buffer.byteLength(part).toString(16)}\r\n${part}\r\n`)
          .join('')}0\r\n\r\n`,
      ),
    })),
  )

  test('whole, it is read; cut anywhere, there is more to come', () => {
    fc.assert(
      fc.property(whole, fc.nat(), ({ body, bytes }, at) => {
        expect(readAnswer(bytes)).toEqual({ status: 200, body, closes: false })
        expect(readAnswer(bytes.subarray(0, at % bytes.length))).toBe('more')
      }),
    )
  })

  test.each([
    'HTTP/1.1 200 OK\r\n\r\n',
    'HTTP/2 200\r\ncontent-length: 0\r\n\r\n',
    'SSH-2.0\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
  ])('%j makes no sense', (text) => expect(readAnswer(Buffer.from(text))).toBe('broken'))
})
