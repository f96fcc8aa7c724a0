/** `npm start`: the pipeline on this machine, until Ctrl-C. What is printed says where to look. */
import { StartError } from './dynamo.ts'
import { readOptions } from './options.ts'
import { type RunningServer, startServer } from './server.ts'

async function main(): Promise<void> {
  const options = readOptions(process.env)
  let server: RunningServer | undefined
  let ending = false
  const end = () => {
    if (ending || !server) process.exit(1)
    ending = true
    // Time for what is under way; a second signal does not wait.
    server.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    )
  }
  // Before the start, which tells others that the server is there: from then on a signal must find us.
  process.on('SIGINT', end)
  process.on('SIGTERM', end)
  server = await startServer(options)
  console.log(welcome(server, options.dataDir, options.credentials !== undefined))
}

function welcome(server: RunningServer, dataDir: string, real: boolean): string {
  const x = real
    ? `@${server.accountHandle} on X (real messages)`
    : `sandbox X, ${server.xUrl} (nothing leaves this machine)`
  return `
Passalong is running.

  Pages and links   ${server.url}
  API               ${server.url}/v1        try: curl ${server.url}/v1/health
  API key           ${server.apiKey}
  Messages go to    ${x}
  Data              ${dataDir}

A whole campaign in a minute, in another terminal:  npm run demo
Stop with Ctrl-C; started again, it goes on where it was.
`
}

main().catch((error: unknown) => {
  if (error instanceof StartError) console.error(`Passalong did not start.\n${error.message}`)
  else console.error(error)
  process.exit(1)
})
