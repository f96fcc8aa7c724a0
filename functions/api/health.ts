/** Is it up, which version, and what can it do: open to everybody. */

import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import * as z from 'zod'
import { version } from '../../shared/version.ts'
import type { ApiDeps, ApiEnv } from './context.ts'
import { json, problems } from './route.ts'

const getHealth = createRoute({
  operationId: 'getHealth',
  method: 'get',
  path: '/v1/health',
  responses: { 200: json(z.object({ status: z.literal('ok'), version: z.string() }), 'It is up'), ...problems },
})

const getOpenApi = createRoute({
  operationId: 'getOpenApi',
  method: 'get',
  path: '/v1/openapi.json',
  responses: { 200: json(z.record(z.string(), z.any()), 'This document: OpenAPI 3.1') },
})

export function addHealth(app: OpenAPIHono<ApiEnv>, { publicUrl }: ApiDeps): void {
  app.openapi(getHealth, (c) => c.json({ status: 'ok' as const, version }, 200))
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', { type: 'http', scheme: 'bearer' })
  app.openapi(getOpenApi, (c) => {
    const info = { title: 'Passalong', version, description: 'Measure how far your community carries a message.' }
    return c.json({ ...app.getOpenAPI31Document({ openapi: '3.1.0', info, servers: [{ url: publicUrl }] }) }, 200)
  })
}
