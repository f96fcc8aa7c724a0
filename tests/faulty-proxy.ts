/**
 * A wire that fails on command, in front of a real engine.
 *
 *     const proxy = await startFaultyProxy(engines.endpoint)
 *     proxy.faults.push('throttle', 'lose_answer')   // for the next two requests
 *     proxy.target = another.endpoint
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** `lose_answer`: the engine carries the request out, and nobody hears of it. */
export type WireFault = 'throttle' | 'server_error' | 'reset' | 'lose_answer'

export interface FaultyProxy {
  url: string
  /** The engine behind; where nobody listens, requests are reset. */
  target: string
  /** One per request to come, in order; after them all goes well. */
  faults: WireFault[]
  /** Requests that reached the wire. */
  seen: number
  stop(): Promise<void>
}

const throttle = JSON.stringify({ __type: 'com.amazonaws.dynamodb.v20120810#ThrottlingException', message: 'slower' })
const broken = JSON.stringify({ __type: 'com.amazonaws.dynamodb.v20120810#InternalServerError' })

export async function startFaultyProxy(target: string): Promise<FaultyProxy> {
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat(await request.toArray())
    proxy.seen++
    const fault = proxy.faults.shift()
    if (fault === 'reset') return void request.socket.resetAndDestroy()
    if (fault === 'throttle') return void response.writeHead(400).end(throttle)
    if (fault === 'server_error') return void response.writeHead(500).end(broken)
    const headers = { ...request.headers } as Record<string, string>
    for (const name of ['connection', 'host', 'content-length']) delete headers[name]
    const real = await fetch(proxy.target, { method: 'POST', headers, body }).catch(() => undefined)
    if (!real) return void request.socket.resetAndDestroy()
    const text = await real.text()
    if (fault !== 'lose_answer') response.writeHead(real.status).end(text)
  }

  const server = createServer((request, response) => void answer(request, response))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const proxy: FaultyProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    target,
    faults: [],
    seen: 0,
    async stop() {
      const closed = once(server.close(), 'close')
      server.closeAllConnections()
      await closed
    },
  }
  return proxy
}
