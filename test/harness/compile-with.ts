import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compile } from '../../src/contract/compile.ts'
import { things } from './gate.ts'

/** Compiles the least that a gateway needs and what a test adds to it, such as limits. */
export function compileWith(folder: string, more: string, env: NodeJS.ProcessEnv = {}) {
  const file = join(folder, 'portcullis.yaml')
  writeFileSync(
    file,
    `contract: ${JSON.stringify(things)}
listen: { http: { port: 0, allowPlaintext: true } }
upstreams: { default: { url: "http://127.0.0.1:3000" } }
identity: { bearerAuth: { type: jwt, issuer: "https://login.example.com", audience: api } }
${more}
`,
  )
  return compile(file, env)
}
