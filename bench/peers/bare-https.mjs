// A server of node:https that does nothing: what an idle connection costs there.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'

const { CERT, KEY, PORT } = process.env
createServer(
  { cert: readFileSync(CERT), key: readFileSync(KEY), keepAliveTimeout: 120_000, minVersion: 'TLSv1.2' },
  (_, response) => response.end('{}'),
).listen(Number(PORT), '127.0.0.1')
