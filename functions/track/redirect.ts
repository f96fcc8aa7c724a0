/** A tracked link: looks it up, makes the hit durable, then answers 302. Nobody is kept waiting for a lost hit. */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import { env } from '../../shared/env.ts'
import type { Link } from '../../shared/facts.ts'
import { log, reasonOf } from '../../shared/log.ts'
import { type Clock, clockFromEnv } from '../../shared/ports/clock.ts'
import { createHitWriter, type HitWriter } from '../../shared/table/hits.ts'
import { createLinkCache, type LinkCache } from '../../shared/table/link-cache.ts'
import { createSalts, type Salts } from '../../shared/table/salts.ts'
import { createSignedClient } from '../../shared/table/signed.ts'
import { hitOf } from '../../shared/track/hit.ts'
import { isOpen, redirectTo } from '../../shared/track/location.ts'
import { type Refusal, refusalPage } from '../../shared/track/pages.ts'
import { earlierHost, readPath } from '../../shared/track/slug.ts'
import { readVisit } from '../../shared/track/visit.ts'

export type Redirect = (event: APIGatewayProxyEventV2) => Promise<APIGatewayProxyStructuredResultV2>

export function createRedirect(needs: {
  host: string
  links: LinkCache
  salts: Salts
  hits: HitWriter
  clock: Clock
}): Redirect {
  const { host, links, salts, hits, clock } = needs
  return async function redirect(event) {
    const refuse = (refusal: Refusal) => refusalPage(refusal, event.headers['accept-language'])
    const named = readPath(event.rawPath)
    const visit = readVisit(event)
    if (!named) return refuse('not_found')
    if (visit.method !== 'GET' && visit.method !== 'HEAD') return refuse('method_not_allowed')
    let link: Link | undefined
    try {
      link = (await links.find(host, named.slug)) ?? (await findEarlier(named.slug, event.headers.host))
    } catch {
      return refuse('unavailable')
    }
    if (link === undefined) return refuse('not_found')
    const t = clock.campaign()
    if (!isOpen(link, t)) return refuse('gone')
    const { ws, cmp, windowMs } = link
    await hits.write({ ws, cmp, windowMs, host: link.host }, hitOf(link, visit, t, await salts.of(t)))
    return redirectTo(link, visit, named.token)
  }

  /** Under the host the visitor came to, which may have been the public one when the link was sent. */
  async function findEarlier(slug: string, asked: string | undefined): Promise<Link | undefined> {
    const earlier = earlierHost(host, asked)
    return earlier === undefined ? undefined : links.find(earlier, slug)
  }
}

export function wireRedirect(clock: Clock = clockFromEnv()): Redirect {
  const client = createSignedClient({ region: env.region(), endpoint: env.dynamodbEndpoint() })
  const [facts, ephemera, spillUrl] = [env.table('facts'), env.table('ephemera'), env.queueUrl('spill')]
  return createRedirect({
    host: new URL(env.publicUrl()).host,
    links: createLinkCache({ read: (key) => client.getItem(facts, key), wall: clock.wall }),
    salts: createSalts({ client, table: ephemera, clock }),
    hits: createHitWriter({
      put: (block) => client.putItem(facts, block),
      spill: (block) => client.sendMessage(spillUrl, JSON.stringify(block)),
      wall: clock.wall,
      onUntracked: (count, reason) => log('error', 'hit.untracked', { count, reason: reasonOf(reason) }),
    }),
    clock,
  })
}

let redirect: Redirect | undefined

export const handler: Redirect = (event) => {
  redirect ??= wireRedirect()
  return redirect(event)
}
