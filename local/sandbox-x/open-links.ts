/**
 * What X itself does with a link in a fresh message: one GET by Twitterbot and three HEADs that claim to be an iPhone,
 * Chrome and nobody. Only the links of one server on this machine are opened, and nothing else a text may name.
 */
import { Agent, request } from 'node:http'

const openers = [
  { method: 'GET', 'user-agent': 'Twitterbot/1.0' },
  {
    method: 'HEAD',
    'user-agent':
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1',
  },
  {
    method: 'HEAD',
    'user-agent':
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36',
  },
  { method: 'HEAD', 'user-agent': '' },
] as const

const local = new Set(['127.0.0.1', 'localhost'])

function linksTo(origin: string, text: string): URL[] {
  return (text.match(/http:\/\/[^\s<>"]+/g) ?? [])
    .map((found) => found.replace(/[.,;:!?)»]+$/, ''))
    .filter((found) => URL.canParse(found))
    .map((found) => new URL(found))
    .filter((url) => local.has(url.hostname) && url.origin === origin)
}

export interface LinkOpener {
  open(text: string): void
  close(): void
}

/** `server`: the address whose links are opened. */
export function createLinkOpener(server: string): LinkOpener {
  const { origin } = new URL(server)
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  const visit = (url: URL, { method, ...headers }: (typeof openers)[number]): void => {
    const visiting = request(url, { method, headers, agent, timeout: 10_000 }, (answer) => answer.resume())
    visiting.on('timeout', () => visiting.destroy())
    // A link that cannot be opened is nothing to X: the message stays delivered.
    visiting.on('error', () => {})
    visiting.end()
  }
  return {
    open: (text) => {
      for (const url of linksTo(origin, text)) for (const opener of openers) visit(url, opener)
    },
    close: () => agent.destroy(),
  }
}
