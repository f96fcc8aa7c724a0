/**
 * A real message must not go out with a link nobody outside can open. Against sandbox X (an X API on this machine)
 * anything may be tried; else `PUBLIC_URL` must be HTTPS at an address the world can reach.
 *
 *     checkLaunch({ publicUrl: 'http://127.0.0.1:3000', xApiUrl: 'https://api.x.com' })  // { ok: false, detail: … }
 */
export type LaunchCheck = { ok: true } | { ok: false; detail: string }

export interface LaunchSite {
  publicUrl: string
  xApiUrl: string
}

export function checkLaunch({ publicUrl, xApiUrl }: LaunchSite): LaunchCheck {
  if (isLoopback(new URL(xApiUrl).hostname)) return { ok: true }
  const { protocol, hostname } = new URL(publicUrl)
  if (protocol === 'https:' && !isLocal(hostname)) return { ok: true }
  const problem = protocol === 'https:' ? 'is local: nobody outside can open the links' : 'is not HTTPS'
  return {
    ok: false,
    detail:
      `Nothing was sent: PUBLIC_URL (${publicUrl}) ${problem}. ` +
      'Set PUBLIC_URL to the https:// address under which this server can be reached from outside, and start again.',
  }
}

/** `hostname` as URL gives it: lower case, an IPv4 address in four decimal parts, an IPv6 address in brackets. */
function isLoopback(hostname: string): boolean {
  return /^(localhost|.+\.localhost|127\.[\d.]+|\[::1\])$/.test(bare(hostname))
}

/** Names and addresses that lead somewhere else, or nowhere, for anybody else. */
function isLocal(hostname: string): boolean {
  const host = bare(hostname)
  if (isLoopback(host)) return true
  // Of IPv6 only 2000::/3 is given out to the world.
  if (host.startsWith('[')) return !/^\[[23][0-9a-f]{3}:/.test(host)
  if (/^[\d.]+$/.test(host)) return isLocalIpv4(host.split('.').map(Number))
  return !host.includes('.') || /\.(local|internal|lan|home\.arpa|test|invalid)$/.test(host)
}

function isLocalIpv4([a = 0, b = 0]: number[]): boolean {
  if (a === 0 || a === 10 || a >= 224) return true
  if (a === 100) return b >= 64 && b < 128
  if (a === 172) return b >= 16 && b < 32
  return (a === 192 && b === 168) || (a === 169 && b === 254)
}

/** A host may be written with a final dot. */
const bare = (hostname: string): string => hostname.replace(/\.$/, '')
