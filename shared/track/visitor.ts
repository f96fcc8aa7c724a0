/**
 * Who came, as far as we let ourselves know: 16 characters that say "the same visitor, today, on this host". The salt
 * lives one day and is then deleted, so nobody can compute it again, not even we; the address is never kept.
 */
import { hash } from 'node:crypto'

/** 96 bits: among 10⁶ visitors of a day the odds of one collision are 10⁻¹⁷. */
const visitorChars = 16

export function visitorHash(salt: string, host: string, ip: string, userAgent: string): string {
  return hash('sha256', `${salt}\n${host}\n${network(ip)}\n${userAgent}`, 'base64url').slice(0, visitorChars)
}

/**
 * An IPv4 address as it is; an IPv6 address cut to its /64. Devices change the lower half of their IPv6 address by
 * the hour (RFC 8981), which would make one person many visitors; the upper half is what a home or a phone is given.
 */
export function network(ip: string): string {
  if (!ip.includes(':')) return ip
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)
  if (mapped) return mapped[1]!
  const [before = '', after] = ip.split('::')
  const left = before === '' ? [] : before.split(':')
  const right = after ? after.split(':') : []
  const zeros = after === undefined ? [] : Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0')
  const upper = [...left, ...zeros, ...right].slice(0, 4)
  return `${upper.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}
