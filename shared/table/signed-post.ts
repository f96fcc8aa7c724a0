/** One POST of AWS JSON 1.0, signed, on a kept-alive connection, with a deadline. Never throws: it says what came. */
import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
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
const ways = {
  'http:': { request: httpRequest, agent: new HttpAgent({ keepAlive: true, maxSockets }) },
  'https:': { request: httpsRequest, agent: new HttpsAgent({ keepAlive: true, maxSockets }) },
}

export function createPost(region: string, timeoutMs: number): (call: Call) => Promise<Outcome> {
  const urls = new Map<string, URL>()

  function urlOf(origin: string): URL {
    const url = urls.get(origin) ?? new URL(origin)
    urls.set(origin, url)
    return url
  }

  return function post({ origin, service, target, body }) {
    const { protocol, host, hostname, port } = urlOf(origin)
    const headers = { host, 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': target }
    // aws4 reads the credentials from the environment at each call: Lambda rotates them there.
    const signed = aws4.sign({ service, region, method: 'POST', path: '/', headers, body })
    const { request, agent } = ways[protocol as keyof typeof ways]
    return new Promise((resolve) => {
      const sent = request({ agent, hostname, port, method: 'POST', path: '/', headers: signed.headers! }, (answer) => {
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
