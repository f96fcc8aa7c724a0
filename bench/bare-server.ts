/** The measure of all redirects: what `node:http` alone does. Prints its port; ends with its stdin. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const server = createServer((_request, response) => {
  response.writeHead(302, { location: 'https://example.org/article', 'content-length': 0 })
  response.end()
})
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })))
process.stdin.resume().on('end', () => process.exit(0))
