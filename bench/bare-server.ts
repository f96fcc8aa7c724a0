/** The measure of all redirects: what `node:http` alone does. Prints its port. */
import { createServer } from 'node:http'

const server = createServer((_request, response) => {
  response.writeHead(302, { location: 'https://example.org/article', 'content-length': 0 })
  response.end()
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address && typeof address === 'object') console.log(JSON.stringify({ port: address.port }))
})
