/** One POST of AWS JSON 1.0, signed, on a kept-alive connection, with a deadline. Never throws: it says what came. */
import type { RequestOptions } from 'node:http'
import aws4 from 'aws4'

export interface Call {
  origin: string
  service: 'dynamodb' | 'sqs'
  target: string
  body: string
}

export type Outcome =
  | { kind: 'answered'; status: number; body: string }
  /** `stale`: a kept connection that the other side had closed. Whether a lost call was carried out is not known. */
  | { kind: 'lost'; reason: string; stale: boolean }

const maxSockets = 64

/**
 * How an origin is reached. Loaded when it is first needed, and only the one of the two that is: `https` is 10 ms of a
 * cold start, and a plain `import` of `node:http` runs its lazy getters too, 25 ms for a WebSocket nobody opens.
 */
function wayTo(origin: string) {
  const { protocol, host, hostname, port } = new URL(origin)
  const tls = protocol === 'https:'
  const { Agent, request } = tls ? process.getBuiltinModule('node:https') : process.getBuiltinModule('node:http')
  const agent = new Agent({ keepAlive: true, maxSockets })
  const options: RequestOptions = { agent, hostname, port, method: 'POST', path: '/' }
  return { request, host, options }
}

export function createPost(region: string, timeoutMs: number): (call: Call) => Promise<Outcome> {
  const ways = new Map<string, ReturnType<typeof wayTo>>()

  return function post({ origin, service, target, body }) {
    const way = ways.get(origin) ?? wayTo(origin)
    ways.set(origin, way)
    const headers = { host: way.host, 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': target }
    // aws4 reads the credentials from the environment at each call: Lambda rotates them there.
    const signed = aws4.sign({ service, region, method: 'POST', path: '/', headers, body })
    return new Promise((resolve) => {
      const sent = way.request({ ...way.options, headers: signed.headers! }, (answer) => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (chunk: string) => {
          text += chunk
        })
        answer.on('end', () => settle({ kind: 'answered', status: answer.statusCode!, body: text }))
        answer.on('error', lost)
      })
      const timer = setTimeout(() => {
        settle({ kind: 'lost', reason: `no answer in ${timeoutMs} ms`, stale: false })
        sent.destroy()
      }, timeoutMs)
      sent.on('error', lost)
      sent.end(body)

      function lost(error: NodeJS.ErrnoException): void {
        const stale = sent.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
        settle({ kind: 'lost', reason: error.code ?? error.message, stale })
      }
      function settle(outcome: Outcome): void {
        clearTimeout(timer)
        resolve(outcome)
      }
    })
  }
}
