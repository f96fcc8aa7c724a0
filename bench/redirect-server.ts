/**
 * The redirect as it runs on one machine, roll-up off: the real handler, adapter, table engine and spill queue on a
 * temporary folder. Prints its port and the table's endpoint; ends with its stdin.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTables, startDynamo, tableEnv } from '../local/dynamo.ts'
import { createHttpServer } from '../local/http.ts'
import { queueEnv, startQueues } from '../local/queues.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'passalong-bench-'))
const dynamo = await startDynamo({ dataDir })
await createTables(dynamo.endpoint)
const queues = await startQueues({ dataDir })
Object.assign(process.env, tableEnv(dynamo.endpoint), queueEnv(queues), { PUBLIC_URL: 'http://127.0.0.1' })
const { handler } = await import('../functions/track/redirect.ts')

const server = createHttpServer({ routes: [{ route: 'ANY /{slug}', handler }], trustProxy: 1 })
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address && typeof address === 'object')
    console.log(JSON.stringify({ port: address.port, endpoint: dynamo.endpoint, dataDir }))
})
process.stdin.resume().on('end', () => {
  void (async () => {
    await queues.stop()
    await dynamo.stop()
    rmSync(dataDir, { recursive: true, force: true })
    process.exit(0)
  })()
})
