/** The front door, one HTTP API for every public path, and the /v1 API behind it. */
import { Api, type StackContext, use } from 'sst/constructs'
import { data } from './data.ts'
import { type Door, type Functions, renderFunctions } from './render.ts'

/** One line per request that names nobody: no address, no path (a slug is personal), no query string. */
const accessLogFields = ['requestTime', 'requestId', 'routeKey', 'status', 'responseLatency', 'integrationErrorMessage']
const accessLogFormat = JSON.stringify(Object.fromEntries(accessLogFields.map((field) => [field, `$context.${field}`])))

export function api({ stack }: StackContext): Door & { functions: Functions } {
  const domain = process.env.PASSALONG_DOMAIN
  const http = new Api(stack, 'door', {
    // Preflights are hits on the public paths, and the API is called by servers.
    cors: false,
    accessLog: { format: accessLogFormat, retention: 'one_month' },
    ...(domain && { customDomain: domain }),
  })
  const door = { http, publicUrl: domain ? `https://${domain}` : http.url }
  stack.addOutputs({ PublicUrl: door.publicUrl })
  return { ...door, functions: renderFunctions(stack, ['api'], { ...use(data), ...door }) }
}
