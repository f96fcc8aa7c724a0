/**
 * `npm run connect`: gives a deployed stage its workspace, first API key and X account. It runs where your AWS
 * credentials are and writes to the stage's directory table; what it must remember stays in DATA_DIR.
 *
 *     AWS_REGION=eu-west-3 DIRECTORY_TABLE=… VAULT_KEY_ID=… X_CLIENT_ID=… X_REFRESH_TOKEN=… npm run connect
 */
import { resolve } from 'node:path'
import { realClock } from '../shared/ports/clock.ts'
import { runCommand } from './command.ts'
import { StartError } from './dynamo.ts'
import { firstStart } from './first-start.ts'
import { prepareFolder, readOptions } from './options.ts'

await runCommand('connect', async () => {
  const missing = ['AWS_REGION', 'DIRECTORY_TABLE', 'VAULT_KEY_ID', 'X_CLIENT_ID', 'X_REFRESH_TOKEN'].filter(
    (name) => !process.env[name],
  )
  if (missing.length > 0)
    throw new StartError(`Set ${missing.join(', ')}. The deploy prints the first three; see docs/deploy.md.`)
  const options = { ...readOptions(process.env), dataDir: resolve(process.env.DATA_DIR || '.passalong-aws') }
  prepareFolder(options.dataDir)
  const made = await firstStart(options, realClock, options.xApiUrl ?? 'https://api.x.com')
  console.log(`Connected @${made.accountHandle}.\nAPI key  ${made.apiKey}\nIt is kept in ${options.dataDir}/api-key.`)
  return 0
})
