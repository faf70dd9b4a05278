// A proxy of node:http and undici that checks nothing: what the HTTP layer alone costs.
import { createServer } from 'node:http'
import { Pool } from 'undici'

const pool = new Pool(process.env.UPSTREAM)

createServer((request, response) => {
  const headers = request.rawHeaders.filter(
    (_, index, all) => !/^(host|connection)$/i.test(all[index - (index % 2)]),
  )
  pool.dispatch(
    { path: request.url, method: request.method, headers, body: request.method === 'GET' ? null : request },
    {
      onRequestStart() {},
      onResponseStart(_, status, fields) {
        delete fields.connection
        response.writeHead(status, fields)
      },
      onResponseData(_, chunk) {
        response.write(chunk)
      },
      onResponseEnd() {
        response.end()
      },
      onResponseError() {
        response.writeHead(502).end()
      },
    },
  )
}).listen(Number(process.env.PORT), '127.0.0.1')
