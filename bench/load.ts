/**
 * A load generator that costs little itself: raw keep-alive sockets, requests made beforehand, answers counted by
 * their heads. It drains before it ends, so that every 302 it counted was answered and nothing else was.
 *
 *     node bench/load.ts '{"port":3000,"paths":["/a"],"connections":32,"ms":5000}'
 *
 * Prints one JSON line: `{"answered":…,"found":…,"perSecond":…}`. Answers must have no body.
 */
import { connect, type Socket } from 'node:net'

export interface LoadOrder {
  port: number
  paths: string[]
  connections: number
  ms: number
}

export interface LoadResult {
  answered: number
  /** Answers with status 302. */
  found: number
  perSecond: number
}

const agents = [
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/22B83 Twitter for iPhone/10.60',
  'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:132.0) Gecko/20100101 Firefox/132.0',
]

/** One request per path, each from an address of its own, as browsers that come from X write them. */
function requestsOf(paths: string[]): Buffer[] {
  return paths.map((path, i) =>
    Buffer.from(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: ${agents[i % agents.length]}\r\n` +
        'Accept: text/html,application/xhtml+xml\r\nAccept-Language: fr-FR,fr;q=0.9,en;q=0.8\r\n' +
        `Referer: https://t.co/\r\nX-Forwarded-For: 198.51.${(i >> 8) & 255}.${i & 255}\r\n\r\n`,
    ),
  )
}

async function load({ port, paths, connections, ms }: LoadOrder): Promise<LoadResult> {
  const requests = requestsOf(paths)
  let sent = 0
  let answered = 0
  let found = 0
  const startedAt = performance.now()
  const until = startedAt + ms

  function drive(socket: Socket, done: () => void): void {
    let rest = ''
    const next = () => (performance.now() < until ? socket.write(requests[sent++ % requests.length]!) : socket.end())
    socket.on('connect', next).on('close', done)
    socket.on('data', (chunk) => {
      rest += chunk.toString('latin1')
      if (!rest.endsWith('\r\n\r\n')) return
      answered++
      if (rest.startsWith('HTTP/1.1 302 ')) found++
      rest = ''
      next()
    })
  }

  await Promise.all(
    Array.from(
      { length: connections },
      () =>
        new Promise<void>((resolve, reject) => {
          drive(connect({ port, host: '127.0.0.1', noDelay: true }).on('error', reject), resolve)
        }),
    ),
  )
  return { answered, found, perSecond: Math.round((answered * 1000) / (performance.now() - startedAt)) }
}

console.log(JSON.stringify(await load(JSON.parse(process.argv[2]!) as LoadOrder)))
