/** Plain links: made here, counted by the redirect. A campaign's personal links are not shown. */
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import { type LinkBody, linkPath, link as linkSchema, linkWithTotals, newLink } from '../../shared/contract/link.ts'
import type { Link } from '../../shared/facts.ts'
import { Fault } from '../../shared/fault.ts'
import { newSlug } from '../../shared/id.ts'
import { isSlug } from '../../shared/track/slug.ts'
import { totalNames } from '../../shared/track/total-names.ts'
import { acceptDestination } from './accept-destination.ts'
import type { ApiDeps, ApiEnv } from './context.ts'
import { guarded, json, problems } from './route.ts'

const createLink = createRoute({
  operationId: 'createLink',
  method: 'post',
  path: '/v1/links',
  ...guarded('links:write'),
  request: { body: { required: true, content: { 'application/json': { schema: newLink } } } },
  responses: { 201: json(linkSchema, 'The link'), ...problems },
})

const getLink = createRoute({
  operationId: 'getLink',
  method: 'get',
  path: '/v1/links/{slug}',
  ...guarded('links:read'),
  request: { params: linkPath },
  responses: { 200: json(linkWithTotals, 'The link and what came through it'), ...problems },
})

export function addLinks(app: OpenAPIHono<ApiEnv>, { links, totals, clock, publicUrl }: ApiDeps): void {
  const { host } = new URL(publicUrl)

  app.openapi(createLink, async (c) => {
    const asked = c.req.valid('json')
    const destination = acceptDestination(asked.destination, publicUrl)
    const slug = acceptSlug(asked.slug)
    const createdAt = clock.campaign()
    const link: Link = { type: 'link', ws: c.var.ws, host, slug, kind: 'plain', destination, createdAt }
    if ((await links.create(link)) === 'taken')
      throw new Fault('conflict', `${slug} is taken on ${host}; choose another.`)
    c.header('location', `/v1/links/${slug}`)
    return c.json(linkBody(link, publicUrl), 201)
  })

  app.openapi(getLink, async (c) => {
    const { slug } = c.req.valid('param')
    const link = isSlug(slug) ? await links.get(host, slug) : undefined
    if (link?.ws !== c.var.ws || link.kind !== 'plain')
      throw new Fault('not_found', 'There is no such link in this workspace.')
    const counts = await totals.readLink(link.ws, undefined, totalNames.link('plain', host, slug))
    const { hits = 0, bots = 0, visits = 0, visitorDays = 0 } = counts
    return c.json({ ...linkBody(link, publicUrl), totals: { hits, bots, visits, visitorDays } }, 200)
  })
}

function acceptSlug(asked: string | undefined): string {
  if (asked === undefined) return newSlug()
  if (isSlug(asked)) return asked
  const detail = 'It must begin with a letter or a digit, and not be one of our own paths (such as v1 or stop).'
  throw new Fault('unprocessable', `The slug ${asked} cannot be used. ${detail}`, [{ field: '/slug', detail }])
}

function linkBody({ slug, host, destination, createdAt }: Link, publicUrl: string): LinkBody {
  return { slug, host, url: `${publicUrl}/${slug}`, destination, createdAt: new Date(createdAt).toISOString() }
}
