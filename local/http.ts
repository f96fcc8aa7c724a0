/**
 * API Gateway on one machine: node:http in front, the routes of the topology, the same Lambda handlers behind.
 *
 *     const server = createHttpServer({ routes: [{ route: 'ANY /{slug}', handler }], trustProxy: 0 })
 */
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import { log, reasonOf } from '../shared/log.ts'

export type HttpHandler = (event: APIGatewayProxyEventV2) => Promise<APIGatewayProxyStructuredResultV2>

export interface Route {
  /** `ANY /p/{slug}`, `GET /`, `ANY /v1/{path+}` as in the topology. */
  route: string
  handler: HttpHandler
}

export interface HttpOptions {
  routes: Route[]
  /** How many proxies of ours stand in front; the client's address is that many entries from the right. */
  trustProxy: number
}

const maxBodyBytes = 11_000_000

interface CompiledRoute extends Route {
  method: string
  parts: string[]
}

function compile(routes: Route[]): CompiledRoute[] {
  const compiled = routes.map((route) => {
    const [method = 'ANY', path = '/'] = route.route.split(' ')
    return { ...route, method, parts: path.split('/').slice(1) }
  })
  // Fixed words before parameters, as API Gateway chooses.
  const rank = (route: CompiledRoute) => route.parts.map((part) => (part.startsWith('{') ? 1 : 0)).join('')
  return compiled.sort((a, b) => rank(a).localeCompare(rank(b)))
}

/** The routes by their first word, so that a tracked link is not held against every other route first. */
function createFinder(routes: CompiledRoute[]) {
  const words = new Set(routes.map(({ parts }) => parts[0]!).filter((part) => !part.startsWith('{')))
  const byWord = new Map([...words].map((word) => [word, routes.filter((one) => one.parts[0] === word)]))
  const others = routes.filter(({ parts }) => !byWord.has(parts[0]!))
  return (method: string, parts: string[]): CompiledRoute | undefined =>
    byWord.get(parts[0]!)?.find((one) => matches(one, method, parts)) ??
    others.find((one) => matches(one, method, parts))
}

function matches(route: CompiledRoute, method: string, parts: string[]): boolean {
  if (route.method !== 'ANY' && route.method !== method) return false
  const greedy = route.parts.at(-1)?.endsWith('+}') ?? false
  if (greedy ? parts.length < route.parts.length : parts.length !== route.parts.length) return false
  return route.parts.every((part, i) => (part.startsWith('{') ? parts[i] !== '' : part === parts[i]))
}

export function clientAddress(request: IncomingMessage, trustProxy: number): string {
  const direct = request.socket.remoteAddress ?? ''
  if (trustProxy === 0) return direct
  const forwarded = String(request.headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((part) => withoutPort(part.trim()))
    .filter(Boolean)
  return forwarded[Math.max(0, forwarded.length - trustProxy)] ?? direct
}

/** Some proxies write `203.0.113.7:4711` or `[2001:db8::7]:4711`; a port would make each visit another visitor. */
function withoutPort(address: string): string {
  const found = /^(?:\[(.+)\]|(\d+\.\d+\.\d+\.\d+))(?::\d+)?$/.exec(address)
  return found?.[1] ?? found?.[2] ?? address
}

async function readBody(request: IncomingMessage): Promise<Buffer | 'too_large' | undefined> {
  if (request.method === 'GET' || request.method === 'HEAD') return undefined
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes <= maxBodyBytes) chunks.push(chunk as Buffer)
  }
  return bytes > maxBodyBytes ? 'too_large' : Buffer.concat(chunks)
}

function toEvent(request: IncomingMessage, path: string, query: string, trustProxy: number): APIGatewayProxyEventV2 {
  const headers = request.headers as Record<string, string>
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    headers,
    requestContext: {
      http: {
        method: request.method ?? 'GET',
        path,
        protocol: 'HTTP/1.1',
        sourceIp: clientAddress(request, trustProxy),
        userAgent: headers['user-agent'] ?? '',
      },
    },
    isBase64Encoded: false,
  } as APIGatewayProxyEventV2
}

function respond(response: ServerResponse, head: boolean, result: APIGatewayProxyStructuredResultV2): void {
  const { statusCode = 200, headers, cookies, isBase64Encoded, body = '' } = result
  const bytes = isBase64Encoded ? Buffer.from(body, 'base64') : body
  const all = { ...headers, 'content-length': Buffer.byteLength(bytes) } as OutgoingHttpHeaders
  if (cookies?.length) all['set-cookie'] = cookies
  response.writeHead(statusCode, all)
  // An empty text would be written with the head as UTF-8, half as slow as the head alone.
  response.end(head || bytes.length === 0 ? undefined : bytes)
}

export function createHttpServer(options: HttpOptions): Server {
  const find = createFinder(compile(options.routes))

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? '/'
    const mark = url.indexOf('?')
    const path = mark < 0 ? url : url.slice(0, mark)
    const head = request.method === 'HEAD'
    const parts = path.split('/').slice(1)
    const route = find(request.method ?? 'GET', parts)
    if (!route) return respond(response, head, plain(404, 'Not found\n'))
    const event = toEvent(request, path, mark < 0 ? '' : url.slice(mark + 1), options.trustProxy)
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      const body = await readBody(request)
      if (body === 'too_large') return respond(response, head, plain(413, 'Too large: at most 10 MB\n'))
      if (body?.length) Object.assign(event, { body: body.toString('base64'), isBase64Encoded: true })
    }
    respond(response, head, await route.handler(event))
  }

  return createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      log('error', 'http.failed', { reason: reasonOf(error) })
      if (!response.headersSent) respond(response, false, plain(500, 'Something went wrong on our side\n'))
      else response.destroy()
    })
  })
}

function plain(statusCode: number, body: string): APIGatewayProxyStructuredResultV2 {
  return { statusCode, headers: { 'content-type': 'text/plain; charset=utf-8' }, body }
}
