/** What a person can set for the local server, checked, with an error that says what to do. */
import { accessSync, constants, mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { StartError } from './dynamo.ts'

export interface ServerOptions {
  /** DATA_DIR: everything that is kept. */
  dataDir: string
  /** PORT; 0 takes any. */
  port: number
  /** PUBLIC_URL: where people open links. */
  publicUrl: string | undefined
  /** TRUST_PROXY: how many proxies of ours stand in front and set X-Forwarded-For. */
  trustProxy: number
  /** DYNAMODB_ENDPOINT: another DynamoDB instead of the embedded engine. */
  dynamodbEndpoint: string | undefined
  /** TIME_SCALE: how much faster campaign time runs, against sandbox X only. */
  timeScale: number
  /** X_API_URL: a sandbox X of your own; X_CLIENT_ID, X_CLIENT_SECRET, X_REFRESH_TOKEN: the real one. */
  xApiUrl: string | undefined
  credentials: { clientId: string; clientSecret: string | undefined; refreshToken: string } | undefined
  /** ROLLUP=off leaves facts unfolded (they wait in the stream): for measuring the redirect alone. */
  rollup: boolean
}

/** At this rate a year passes in 32 seconds. */
const mostTimeScale = 1_000_000

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < least || value > most)
    throw new StartError(`${name}=${text}: it must be a whole number from ${least} to ${most}.`)
  return value
}

function url(name: string, text: string | undefined): string | undefined {
  if (!text) return undefined
  try {
    const parsed = new URL(text)
    if (parsed.protocol === 'http:' || parsed.protocol === 'https:') return text.replace(/\/+$/, '')
  } catch {}
  throw new StartError(`${name}=${text}: it must be an http or https address, like https://pass.example.org`)
}

/** Links stand directly below it: `https://pass.example.org`, and nothing after. */
function publicUrl(text: string | undefined): string | undefined {
  const checked = url('PUBLIC_URL', text)
  if (checked === undefined) return undefined
  const { origin, href } = new URL(checked)
  if (href === `${origin}/`) return origin
  throw new StartError(`PUBLIC_URL=${text}: only scheme, host and port, like ${origin}`)
}

function credentialsOf(env: NodeJS.ProcessEnv): ServerOptions['credentials'] {
  const { X_CLIENT_ID: clientId, X_REFRESH_TOKEN: refreshToken, X_CLIENT_SECRET } = env
  if (!clientId && !refreshToken && !X_CLIENT_SECRET) return undefined
  if (!clientId || !refreshToken)
    throw new StartError('A real X account needs both X_CLIENT_ID and X_REFRESH_TOKEN (see docs/x-account.md).')
  return { clientId, clientSecret: X_CLIENT_SECRET || undefined, refreshToken }
}

function checkLogLevel(level: string | undefined): void {
  if (level && !['debug', 'info', 'warn', 'error'].includes(level))
    throw new StartError(`LOG_LEVEL=${level}: it must be debug, info, warn or error.`)
}

export function readOptions(env: NodeJS.ProcessEnv): ServerOptions {
  const credentials = credentialsOf(env)
  checkLogLevel(env.LOG_LEVEL)
  const timeScale = Number(env.TIME_SCALE || 1)
  if (!(timeScale >= 1 && timeScale <= mostTimeScale))
    throw new StartError(`TIME_SCALE=${env.TIME_SCALE}: it must be a number from 1 to ${mostTimeScale}.`)
  if (credentials && timeScale !== 1)
    throw new StartError('TIME_SCALE is for sandbox X; the real X keeps real time. Unset one of them.')
  return {
    dataDir: resolve(env.DATA_DIR || '.passalong'),
    port: wholeNumber('PORT', env.PORT || '3000', 0, 65_535),
    publicUrl: publicUrl(env.PUBLIC_URL),
    trustProxy: wholeNumber('TRUST_PROXY', env.TRUST_PROXY || '0', 0, 10),
    dynamodbEndpoint: url('DYNAMODB_ENDPOINT', env.DYNAMODB_ENDPOINT),
    timeScale,
    xApiUrl: url('X_API_URL', env.X_API_URL),
    credentials,
    rollup: env.ROLLUP !== 'off',
  }
}

export function prepareFolder(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new StartError(
      `The data folder ${dataDir} cannot be written (${(error as NodeJS.ErrnoException).code}).\n` +
        'Choose another: DATA_DIR=/path/to/a/folder npm start',
    )
  }
}
