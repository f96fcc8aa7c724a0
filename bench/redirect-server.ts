/**
 * The whole local server on a temporary folder, with `ROLLUP` as its argument (`on` or `off`). Prints its port and its
 * table engine; ends with its stdin.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readOptions } from '../local/options.ts'
import { startServer } from '../local/server.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'passalong-bench-'))
const server = await startServer(
  readOptions({ DATA_DIR: dataDir, PORT: '0', TRUST_PROXY: '1', ROLLUP: process.argv[2] ?? 'off' }),
)
const { port, host } = new URL(server.url)
console.log(JSON.stringify({ port: Number(port), host, endpoint: process.env.DYNAMODB_ENDPOINT }))

async function end(): Promise<void> {
  await server.stop()
  rmSync(dataDir, { recursive: true, force: true })
  process.exit(0)
}
process.stdin.resume().on('end', () => void end())
