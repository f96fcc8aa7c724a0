/** The pipeline a demo runs on: `npm start` on a folder of its own, spoken to through its API alone. */
import { type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export interface Pipeline {
  url: string
  xUrl: string
  apiKey: string
  dataDir: string
  pid: number
  /** Throws with the problem's own words when the answer is not 2xx. */
  api(method: string, path: string, body?: unknown): Promise<unknown>
  text(path: string): Promise<string>
  stop(): Promise<void>
}

const main = fileURLToPath(new URL('../main.ts', import.meta.url))

export async function startPipeline(timeScale: number): Promise<Pipeline> {
  const dataDir = mkdtempSync(join(tmpdir(), 'passalong-demo-'))
  const env = { ...process.env, DATA_DIR: dataDir, PORT: '0', TIME_SCALE: String(timeScale), TRUST_PROXY: '1' }
  for (const name of ['PUBLIC_URL', 'X_API_URL', 'X_CLIENT_ID', 'X_REFRESH_TOKEN', 'ROLLUP'])
    delete (env as NodeJS.ProcessEnv)[name]
  // A file, not a pipe to us: a server that is kept goes on writing after we are gone.
  const log = join(dataDir, 'server.log')
  const stdio: StdioOptions = ['ignore', 'ignore', openSync(log, 'a')]
  const child = spawn(process.execPath, [main], { env: { ...env, LOG_LEVEL: 'error' }, stdio })
  const words = () => readFileSync(log, 'utf8').slice(-4000)

  async function stop(): Promise<void> {
    const ended = once(child, 'exit')
    if (child.exitCode === null && child.kill('SIGTERM')) await ended
    rmSync(dataDir, { recursive: true, force: true })
  }

  const file = join(dataDir, 'server.json')
  for (let i = 0; i < 300 && !existsSync(file) && child.exitCode === null; i++) await sleep(100)
  if (!existsSync(file)) {
    const why = words()
    await stop()
    throw new Error(`the pipeline did not start:\n${why}`)
  }
  const { url, x: xUrl } = JSON.parse(readFileSync(file, 'utf8')) as { url: string; x: string }
  const apiKey = readFileSync(join(dataDir, 'api-key'), 'utf8').trim()
  const headers = { authorization: `Bearer ${apiKey}` }

  async function call(method: string, path: string, body?: unknown): Promise<Response> {
    const json = body === undefined ? {} : { body: JSON.stringify(body) }
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    const response = await fetch(url + path, { method, headers: { ...headers, ...type }, ...json })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}\n${words()}`)
    return response
  }

  return {
    url,
    xUrl,
    apiKey,
    dataDir,
    pid: child.pid!,
    api: async (method, path, body) => (await call(method, path, body)).json(),
    text: async (path) => (await call('GET', path)).text(),
    stop,
  }
}
