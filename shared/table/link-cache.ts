/**
 * Links by (host, slug), looked up at most every 30 s each, so that a takedown works within a minute.
 *
 *     const links = createLinkCache({ read: (key) => client.getItem(table, key), wall: Date.now })
 *     const link = await links.find(host, slug)   // undefined: there is none
 *
 * A slug without a link is remembered for 5 s. A failed read is remembered as nothing at all: it answers with the link
 * as it was last seen, asking again 5 s later, or throws when the link was never seen.
 */
import type { Link } from '../facts.ts'
import { log, reasonOf } from '../log.ts'
import { type Key, keys } from './keys.ts'

export interface LinkCache {
  find(host: string, slug: string): Promise<Link | undefined>
}

export interface LinkCacheOptions {
  read(key: Key): Promise<object | undefined>
  /** The wall clock, in milliseconds. */
  wall(): number
  maxLinks?: number
}

interface Entry {
  link: Promise<Link | undefined>
  /** Infinity while the read is under way, so that everybody who asks waits for the same one. */
  freshUntil: number
}

const foundMs = 30_000
const missedMs = 5_000
const failedMs = 5_000

export function createLinkCache({ read, wall, maxLinks = 10_000 }: LinkCacheOptions): LinkCache {
  const entries = new Map<string, Entry>()

  function look(host: string, slug: string, id: string, last: Entry | undefined): Promise<Link | undefined> {
    const entry: Entry = { link: Promise.resolve(undefined), freshUntil: Number.POSITIVE_INFINITY }
    entry.link = read(keys.link(host, slug)).then(
      (item) => {
        entry.freshUntil = wall() + (item ? foundMs : missedMs)
        return item as Link | undefined
      },
      async (error: unknown) => {
        const seen = await last?.link
        log('warn', 'link.read_failed', { slug, reason: reasonOf(error), stale: seen !== undefined })
        entry.freshUntil = wall() + failedMs
        if (seen) return seen
        entries.delete(id)
        throw error
      },
    )
    // The oldest makes room; a link in use is read again at the cost of one read.
    if (!last && entries.size >= maxLinks) entries.delete(entries.keys().next().value!)
    entries.set(id, entry)
    return entry.link
  }

  return {
    find(host, slug) {
      const id = `${host}/${slug}`
      const entry = entries.get(id)
      return entry && entry.freshUntil > wall() ? entry.link : look(host, slug, id, entry)
    },
  }
}
