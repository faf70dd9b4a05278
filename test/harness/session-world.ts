import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { type AuthorizationServer, startAuthorizationServer } from '../../src/demo/authorization-server.ts'
import { createParties, ordersAudience, type Parties, type WebClient } from '../../src/demo/parties.ts'
import { freePort } from './free-port.ts'
import { project, startGate, type TestGate } from './gate.ts'
import { startIssuer } from './issuer.ts'

/** A gate with browser sessions before a recording upstream, and a real authorization server. */
export interface SessionWorld {
  readonly gate: TestGate
  readonly authorizationServer: AuthorizationServer
  readonly parties: Parties & { readonly web: WebClient }
  /** `https://localhost:PORT`, as browsers reach the gate. */
  readonly origin: string
  /** Ports it was given; a second gate of the same client takes them over. */
  stop(): Promise<void>
}

export interface SessionWorldOptions {
  /** More keys of the identity entry. */
  readonly identity?: string
  readonly accessTokenSeconds?: number
  /** Value of `state`. */
  readonly state?: string
}

export const page = `<!doctype html><title>Shop</title><h1>Shop</h1>
<form method="post" action="/.portcullis/webLogin/logout"><button>Sign out</button></form>`

export async function startSessionWorld({
  identity = '',
  accessTokenSeconds = 600,
  state = 'memory',
}: SessionWorldOptions = {}): Promise<SessionWorld> {
  const [httpsPort, httpPort] = [await freePort(), await freePort()]
  const origin = `https://localhost:${httpsPort}`
  const parties = createParties({
    redirectUri: `${origin}/.portcullis/webLogin/callback`,
    afterLogoutUri: `${origin}/`,
    backChannelLogoutUri: `http://127.0.0.1:${httpPort}/.portcullis/webLogin/backchannel-logout`,
    accessTokenSeconds,
  })
  const { web } = parties
  if (!web) throw new Error('there is no web client')
  const authorizationServer = await startAuthorizationServer(parties, 0)
  const issuer = await startIssuer()
  const gate = await startGate({
    issuer,
    yaml: (upstream) => `
contract: ${JSON.stringify(`${project}/test/fixtures/sessions.yaml`)}
publicUrl: "${origin}"
hosts: ["127.0.0.1:${httpPort}"]
state: ${JSON.stringify(state)}
listen:
  https: { host: 127.0.0.1, port: ${httpsPort}, tls: { cert: ./tls/localhost.crt, key: ./tls/localhost.key } }
  http: { host: 127.0.0.1, port: ${httpPort}, allowPlaintext: true }
upstreams: { default: { url: "${upstream.url}" } }
identity:
  webLogin:
    type: session
    issuer: "${authorizationServer.issuer}"
    clientId: ${web.id}
    clientSecret: ${web.secret}
    audience: "${ordersAudience}"
    scopes: [orders:read, orders:write]
    ${identity}
  bearerAuth: { type: jwt, issuer: "${issuer.issuer}", audience: "https://api.example.com" }
limits: [{ name: wide, by: address, rate: 1000000/s, burst: 1000000 }]
failedAuthentications: { rate: 1000000/s }
`,
  })
  gate.upstream.answer = (response, request) => {
    if (request.url?.startsWith('/app') || request.url === '/') {
      response.setHeader('Content-Type', 'text/html; charset=utf-8')
      response.setHeader('Content-Security-Policy', "default-src 'self'")
      response.end(page)
      return
    }
    response.setHeader('Content-Type', 'application/json')
    response.end('{"ok":true}')
  }
  return {
    gate,
    authorizationServer,
    parties: { ...parties, web },
    origin,
    async stop() {
      await gate.stop()
      await authorizationServer.stop()
    },
  }
}

/** Debian's Chromium, with a folder of its own. */
export async function openBrowser(): Promise<{ readonly browser: Browser; close(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-chromium-'))
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', `--crash-dumps-dir=${folder}`],
  })
  return {
    browser,
    async close() {
      await browser.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Opens a protected page as a person does, and signs in on the way. */
export async function signIn(context: BrowserContext, url: string, account = 'ada'): Promise<Page> {
  const tab = await context.newPage()
  await tab.goto(url)
  await tab.fill('input[name=account]', account)
  await Promise.all([tab.waitForURL(url), tab.click('button')])
  return tab
}
