/**
 * One kept-open HTTP/1.1 connection for POSTs, one at a time: what node:http's client does for the redirect path, at a
 * quarter of its CPU (docs/decisions/redirect-owns-its-wire.md).
 *
 *     const connection = connect('https://dynamodb.eu-west-3.amazonaws.com')
 *     const answer = await connection.post(headers, body, 1000)
 *     connection.free()   // false: not to be used again
 */
import type { Socket } from 'node:net'
import type { RawHeaders } from './sign.ts'

export type Answer =
  | { kind: 'answered'; status: number; body: string }
  /** `stale`: a kept connection that the other side had closed. Whether a lost call was carried out is not known. */
  | { kind: 'lost'; reason: string; stale: boolean }

export interface Connection {
  /** Never throws: it says what came. Not to be called again before it has settled. */
  post(headers: RawHeaders, body: string, timeoutMs: number): Promise<Answer>
  free(): boolean
}

const longestAnswer = 2_000_000

/** Loaded when first needed: TLS is 10 ms of a cold start. */
function open(origin: string): Socket {
  const { protocol, port, hostname: written } = new URL(origin)
  const hostname = written.replace(/^\[|\]$/g, '')
  if (protocol === 'http:') return process.getBuiltinModule('node:net').connect(Number(port || 80), hostname)
  const { connect: connectTls } = process.getBuiltinModule('node:tls')
  return connectTls({ host: hostname, port: Number(port || 443), servername: hostname })
}

export function connect(origin: string): Connection {
  const socket = open(origin).setNoDelay(true).setKeepAlive(true, 1000)
  let received: Buffer | undefined
  let waiting: { settle(answer: Answer): void } | undefined
  let posts = 0
  let usable = true

  socket.on('data', (chunk) => {
    if (!waiting) return lose('an answer to nothing')
    received = received ? Buffer.concat([received, chunk]) : chunk
    const read = readAnswer(received)
    if (read === 'more' && received.length <= longestAnswer) return
    if (read === 'more' || read === 'broken') return lose('an answer that makes no sense')
    usable &&= !read.closes
    received = undefined
    waiting.settle({ kind: 'answered', status: read.status, body: read.body })
  })
  socket.on('error', (error: NodeJS.ErrnoException) => lose(error.code ?? error.message))
  socket.on('close', () => lose('ECONNRESET'))
  // Idle, it must not keep the process alive.
  socket.unref()

  function lose(reason: string): void {
    usable = false
    socket.destroy()
    waiting?.settle({
      kind: 'lost',
      reason,
      stale: posts > 1 && received === undefined && /^(ECONNRESET|EPIPE)$/.test(reason),
    })
  }

  return {
    post(headers, body, timeoutMs) {
      posts++
      return new Promise((resolve) => {
        const timer = setTimeout(() => lose(`no answer in ${timeoutMs} ms`), timeoutMs)
        waiting = {
          settle(answer) {
            waiting = undefined
            clearTimeout(timer)
            socket.unref()
            resolve(answer)
          },
        }
        if (!usable) return lose('ECONNRESET')
        socket.ref()
        socket.write(requestOf(headers, body))
      })
    },
    free: () => usable,
  }
}

function requestOf(headers: RawHeaders, body: string): string {
  let text = 'POST / HTTP/1.1\r\n'
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`
  return `${text}\r\n${body}`
}

interface Read {
  status: number
  body: string
  /** The other side ends the connection after this answer. */
  closes: boolean
}

/** An answer once all of it is there (RFC 9112); nothing is ever piped, so nothing comes after it. */
export function readAnswer(bytes: Buffer): Read | 'more' | 'broken' {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return 'more'
  const head = bytes.toString('latin1', 0, end)
  const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |\r|$)/.exec(head)?.[1])
  const length = Number(/\r\ncontent-length:[ \t]*(\d+)[ \t]*(?:\r|$)/i.exec(head)?.[1])
  const chunked = /\r\ntransfer-encoding:[ \t]*chunked[ \t]*(?:\r|$)/i.test(head)
  if (!status || (!chunked && Number.isNaN(length))) return 'broken'
  const body = chunked ? readChunks(bytes, end + 4) : readBody(bytes, end + 4, length)
  if (typeof body === 'string') return body === 'more' ? 'more' : 'broken'
  return { status, body: body.toString('utf8'), closes: /\r\nconnection:[ \t]*close/i.test(head) }
}

function readBody(bytes: Buffer, start: number, length: number): Buffer | 'more' | 'broken' {
  if (bytes.length > start + length) return 'broken'
  return bytes.length < start + length ? 'more' : bytes.subarray(start)
}

function readChunks(bytes: Buffer, start: number): Buffer | 'more' | 'broken' {
  const chunks: Buffer[] = []
  for (let at = start; ; ) {
    const line = bytes.indexOf('\r\n', at)
    if (line < 0) return 'more'
    const [digits] = /^[0-9a-f]{1,8}/i.exec(bytes.toString('latin1', at, line)) ?? []
    if (digits === undefined) return 'broken'
    const size = Number.parseInt(digits, 16)
    const [from, to] = [line + 2, line + 2 + size]
    if (bytes.length < to + 2) return 'more'
    if (size === 0) return Buffer.concat(chunks)
    chunks.push(bytes.subarray(from, to))
    at = to + 2
  }
}
