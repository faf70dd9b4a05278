// A backend of a few lines, so that the gate has something to stand before: node backend.mjs
import { createServer } from 'node:http'

const notes = []
const server = createServer(async (request, response) => {
  let body = ''
  for await (const chunk of request) body += chunk
  if (request.method === 'POST') notes.unshift(JSON.parse(body))
  const answer =
    request.method === 'POST' ? notes[0] : request.url.startsWith('/notes') ? notes : { up: true }
  response.writeHead(request.method === 'POST' ? 201 : 200, { 'Content-Type': 'application/json' })
  response.end(JSON.stringify(answer))
})
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
