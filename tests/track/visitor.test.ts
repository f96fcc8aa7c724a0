import fc from 'fast-check'
import { expect, test } from 'vitest'
import { network, visitorHash } from '../../shared/track/visitor.ts'

test('16 characters that fit a key and a URL, the same for the same visitor', () => {
  fc.assert(
    fc.property(fc.string(), fc.domain(), fc.oneof(fc.ipV4(), fc.ipV6()), fc.string(), (salt, host, ip, agent) => {
      const visitor = visitorHash(salt, host, ip, agent)
      expect(visitor).toMatch(/^[0-9A-Za-z_-]{16}$/)
      expect(visitorHash(salt, host, ip, agent)).toBe(visitor)
    }),
  )
})

test('another salt, host, address or agent is another visitor', () => {
  const all = [
    visitorHash('salt', 'a.example', '192.0.2.1', 'agent'),
    visitorHash('tlas', 'a.example', '192.0.2.1', 'agent'),
    visitorHash('salt', 'b.example', '192.0.2.1', 'agent'),
    visitorHash('salt', 'a.example', '192.0.2.2', 'agent'),
    visitorHash('salt', 'a.example', '192.0.2.1', 'other'),
  ]
  expect(new Set(all).size).toBe(5)
})

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:aaaa:bbbb:cccc:dddd', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002::1', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:db8:1:2:3:4:5::', '2001:db8:1:2::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
])('%s is of %s', (ip, expected) => expect(network(ip)).toBe(expected))

test('a device that renews the lower half of its IPv6 address stays one visitor', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 0xffff }), { minLength: 12, maxLength: 12 }), (groups) => {
      const hex = groups.map((group) => group.toString(16))
      const upper = hex.slice(0, 4).join(':')
      expect(network(`${upper}:${hex.slice(4, 8).join(':')}`)).toBe(network(`${upper}:${hex.slice(8).join(':')}`))
    }),
  )
})
