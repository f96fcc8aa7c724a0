import { beforeEach, expect, test } from 'vitest'
import { createLinkCache } from '../../shared/table/link-cache.ts'

let now = 0
let reads: string[] = []
let stored: Record<string, object>
let failing = false

beforeEach(() => {
  now = 1_000_000
  reads = []
  failing = false
  stored = { 'L#h#here': { slug: 'here', destination: 'https://example.org/' } }
})

const cache = (maxLinks?: number) =>
  createLinkCache({
    async read({ pk }) {
      reads.push(pk)
      if (failing) throw new Error('the table is away')
      return stored[pk]
    },
    wall: () => now,
    ...(maxLinks && { maxLinks }),
  })

test('a link is read once in 30 s, by everybody who asks', async () => {
  const links = cache()
  await Promise.all(Array.from({ length: 50 }, () => links.find('h', 'here')))
  now += 29_999
  await links.find('h', 'here')
  expect(reads).toHaveLength(1)
  stored['L#h#here'] = { slug: 'here', disabledAt: 1 }
  now += 2
  expect(await links.find('h', 'here')).toEqual(stored['L#h#here'])
  expect(reads).toHaveLength(2)
})

test('a miss is kept for 5 s only', async () => {
  const links = cache()
  expect(await links.find('h', 'new')).toBeUndefined()
  stored['L#h#new'] = { slug: 'new' }
  now += 4_999
  expect(await links.find('h', 'new')).toBeUndefined()
  now += 2
  expect(await links.find('h', 'new')).toEqual({ slug: 'new' })
})

test('a failed read is never a miss, and is not kept', async () => {
  const links = cache()
  failing = true
  await expect(links.find('h', 'here')).rejects.toThrow('away')
  failing = false
  expect(await links.find('h', 'here')).toEqual(stored['L#h#here'])
})

test('a link seen before stays open while reads fail, and is asked for every 5 s', async () => {
  const links = cache()
  await links.find('h', 'here')
  failing = true
  for (now += 30_001; now < 1_090_000; now += 1_000) expect(await links.find('h', 'here')).toEqual(stored['L#h#here'])
  expect(reads.length).toBeGreaterThan(8)
  expect(reads.length).toBeLessThan(16)
  failing = false
  delete stored['L#h#here']
  now += 5_001
  expect(await links.find('h', 'here')).toBeUndefined()
})

test('it holds no more than it may', async () => {
  const links = cache(3)
  for (const slug of ['a', 'b', 'c', 'd']) await links.find('h', slug)
  await links.find('h', 'd')
  expect(reads).toHaveLength(4)
  await links.find('h', 'a')
  expect(reads).toHaveLength(5)
})
