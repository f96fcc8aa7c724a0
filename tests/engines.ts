/** Real engines for a test file: `const engines = await startEngines()` in beforeAll, `await engines.stop()` after. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTables, startDynamo, tableEnv } from '../local/dynamo.ts'
import { queueEnv, startQueues } from '../local/queues.ts'

export interface Engines {
  dataDir: string
  endpoint: string
  stop(): Promise<void>
}

/** Starts both engines on a temporary folder and sets the environment the functions read. */
export async function startEngines(env: Record<string, string> = {}): Promise<Engines> {
  const dataDir = mkdtempSync(join(tmpdir(), 'passalong-test-'))
  const dynamo = await startDynamo({ dataDir })
  await createTables(dynamo.endpoint)
  const queues = await startQueues({ dataDir })
  Object.assign(process.env, tableEnv(dynamo.endpoint), queueEnv(queues), { PUBLIC_URL: 'http://127.0.0.1:3000' }, env)
  return {
    dataDir,
    endpoint: dynamo.endpoint,
    async stop() {
      await queues.stop()
      await dynamo.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
