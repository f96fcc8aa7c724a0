/** One POST of AWS JSON 1.0, signed, on a kept-open connection, with a deadline. Never throws: it says what came. */
import { type Answer, type Connection, connect } from './connection.ts'
import { createSigner } from './sign.ts'

export interface Call {
  origin: string
  service: 'dynamodb' | 'sqs'
  target: string
  body: string
}

export type Outcome = Answer

export function createPost(region: string, timeoutMs: number): (call: Call) => Promise<Outcome> {
  const sign = createSigner(region)
  /** By origin, the connections that wait for their next call; the last used first, so that few stay warm. */
  const origins = new Map<string, { host: string; idle: Connection[] }>()

  return async function post({ origin, service, target, body }) {
    const { host, idle } = origins.get(origin) ?? { host: new URL(origin).host, idle: [] }
    origins.set(origin, { host, idle })
    let connection = idle.pop()
    while (connection && !connection.free()) connection = idle.pop()
    connection ??= connect(origin)
    const answer = await connection.post(sign({ service, host, target, body }, Date.now()), body, timeoutMs)
    if (connection.free()) idle.push(connection)
    return answer
  }
}
