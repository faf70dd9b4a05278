import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseDictionary, parseList } from 'structured-headers'
import { hashPassword } from '../../src/identity/passwords.ts'
import { ask, assertNotForwarded } from '../harness/ask.ts'
import { compileContract } from '../harness/contract.ts'
import { patient, startGate, withGate } from '../harness/gate.ts'
import { startIssuer } from '../harness/issuer.ts'

const costs = fileURLToPath(new URL('../fixtures/costs.yaml', import.meta.url))

test('F2 of a parallel burst exactly as many pass as the bucket holds', () =>
  withGate({ limits: '[{ name: s, by: subject, rate: 1/day, burst: 20 }]' }, async (gate) => {
    const token = await gate.issuer.token()
    const replies = await Promise.all(Array.from({ length: 60 }, () => ask(gate, '/things', { token })))
    assert.equal(replies.filter(({ status }) => status === 200).length, 20)
    assert.equal(replies.filter(({ status }) => status === 429).length, 40)
    assert.equal(gate.upstream.heads, 20)
  }))

test('F3 a limit by subject is one over all operations and tokens of that subject, and no one else', () =>
  withGate({ limits: '[{ name: s, by: subject, rate: 1/day, burst: 3 }]' }, async (gate) => {
    const alice = await gate.issuer.token()
    assert.equal((await ask(gate, '/things', { token: alice })).status, 200)
    assert.equal((await ask(gate, '/things/x', { token: alice })).status, 200)
    assert.equal((await ask(gate, '/things', { token: await gate.issuer.token() })).status, 200)
    await assertNotForwarded(gate, ask(gate, '/files/a', { token: alice }), 429, 'quota_exceeded')
    const bob = await gate.issuer.token({ sub: 'bob' })
    assert.equal((await ask(gate, '/things', { token: bob })).status, 200)
  }))

test('F4 who has no subject is counted by address, not let through and not thrown together', () =>
  withGate({ limits: '[{ name: s, by: subject, rate: 1/day, burst: 2 }]' }, async (gate) => {
    assert.equal((await ask(gate, '/public')).status, 200)
    assert.equal((await ask(gate, '/public')).status, 200)
    await assertNotForwarded(gate, ask(gate, '/public'), 429, 'quota_exceeded')
    assert.equal((await ask(gate, '/things', { token: await gate.issuer.token() })).status, 200)
  }))

test('F4 a limit by a claim counts who lacks it by address, and the log says why', () =>
  withGate({ limits: '[{ name: t, by: token.tenant, rate: 1/day, burst: 1 }]' }, async (gate) => {
    const [acme, other] = [
      await gate.issuer.token({ tenant: 'acme' }),
      await gate.issuer.token({ tenant: 'o' }),
    ]
    assert.equal((await ask(gate, '/things', { token: acme })).status, 200)
    assert.equal((await ask(gate, '/things', { token: other })).status, 200)
    const bob = await gate.issuer.token({ tenant: 'acme', sub: 'bob' })
    await assertNotForwarded(gate, ask(gate, '/things', { token: bob }), 429, 'quota_exceeded')
    const without = await gate.issuer.token({})
    const reply = await ask(gate, '/things', { token: without })
    assert.equal(reply.status, 200)
    const line = await gate.logged((one) => one.request_id === reply.fields.get('x-request-id'))
    assert.equal(line.limit_fallback, 't: no such key: tenant')
    await assertNotForwarded(gate, ask(gate, '/public'), 429, 'quota_exceeded')
  }))

test('F1 neither another address of the /64, nor a chain the client forged, is another bucket', () =>
  withGate(
    {
      limits: '[{ name: a, by: address, rate: 1/day, burst: 1 }]',
      more: 'trustedProxies: [127.0.0.0/8, "2001:db8:ffff::/48"]',
    },
    async (gate) => {
      const from = (chain: string) => ask(gate, '/public', { headers: [`X-Forwarded-For: ${chain}`] })
      assert.equal((await from('2001:db8::1')).status, 200)
      const same = ['2001:db8::ffff:0:1', '2001:db8:1::1, 2001:db8::2', '2001:db8::3, 2001:db8:ffff::1']
      for (const chain of same) await assertNotForwarded(gate, from(chain), 429, 'quota_exceeded')
      assert.equal((await from('2001:db8:0:1::1')).status, 200)
      assert.equal((await from('192.0.2.1')).status, 200)
      for (const chain of ['::ffff:192.0.2.1', '::ffff:c000:201'])
        await assertNotForwarded(gate, from(chain), 429, 'quota_exceeded')
      assert.equal((await from('::ffff:192.0.2.2')).status, 200)
    },
  ))

test('F6 bad tokens draw from the address bucket before any cryptography', () =>
  withGate({ limits: '[{ name: a, by: address, rate: 1/day, burst: 5 }]' }, async (gate) => {
    for (let i = 0; i < 5; i++) assert.equal((await ask(gate, '/things', { token: `a.b.${i}` })).status, 401)
    await assertNotForwarded(gate, ask(gate, '/things', { token: 'a.b.c' }), 429, 'quota_exceeded')
    await assertNotForwarded(
      gate,
      ask(gate, '/things', { token: await gate.issuer.token() }),
      429,
      'quota_exceeded',
    )
  }))

test('F3 an operation takes its cost of every limit, all of it or nothing; the nearest that is written counts', () =>
  withGate({ contract: costs }, async (gate) => {
    const left = async (method: string, path: string) => {
      const reply = await ask(gate, path, { method })
      const quota = parseList(reply.fields.get('ratelimit') ?? '').find(([name]) => name === 'all')
      return [reply.status, quota?.[1].get('r')]
    }
    assert.deepEqual(await left('GET', '/cheap'), [200, 9])
    assert.deepEqual(await left('PUT', '/reports'), [200, 2])
    const denied = await assertNotForwarded(gate, ask(gate, '/reports'), 429, 'quota_exceeded')
    const retryAfter = Number(denied.fields.get('retry-after'))
    assert.ok(retryAfter > 700 && retryAfter <= 720, 'two tokens are missing, at six minutes each')
    assert.deepEqual(await left('GET', '/cheap'), [200, 1])
  }))

test('F3 a cost that no bucket ever holds is a problem of the contract', () => {
  const contract = (cost: number) =>
    compileContract({
      openapi: '3.1.0',
      info: { title: 'costs', version: '1' },
      security: [],
      'x-portcullis': { limits: [{ name: 'all', by: 'address', rate: '10/h', burst: 10 }] },
      paths: {
        '/reports': {
          get: {
            operationId: 'report',
            'x-portcullis': { cost, limits: [{ name: 'own', by: 'client', rate: '12/h' }] },
            responses: { 200: { description: 'ok' } },
          },
        },
      },
    }).errors.map(({ rule }) => rule)
  assert.deepEqual(contract(10), [])
  assert.deepEqual(contract(11), ['cost-above-burst'])
  assert.deepEqual(contract(13), ['cost-above-burst', 'cost-above-burst'], 'of each such limit')
})

test('F6 a flood of bad tokens stops before any cryptography; other addresses and requests without a credential pass', () =>
  withGate(
    { more: 'failedAuthentications: { rate: 3/day }\ntrustedProxies: [127.0.0.0/8]' },
    async (gate) => {
      const from = (address: string, token?: string, path = '/things') =>
        ask(gate, path, {
          headers: [`X-Forwarded-For: ${address}`],
          ...(token === undefined ? {} : { token }),
        })
      const good = await gate.issuer.token()
      const bad = `${good.slice(0, -8)}AAAAAAAA`
      for (let i = 0; i < 5; i++)
        assert.equal((await from('192.0.2.1', good)).status, 200, 'good ones are free')
      for (let i = 0; i < 5; i++) assert.equal((await from('192.0.2.1')).status, 401, 'missing ones are free')
      for (let i = 0; i < 3; i++) assert.equal((await from('192.0.2.1', bad)).status, 401)
      const before = gate.issuer.fetches
      const unknown = await gate.issuer.token({}, { kid: 'unknown' })
      const denied = await assertNotForwarded(gate, from('192.0.2.1', unknown), 429, 'quota_exceeded')
      assert.equal(
        gate.issuer.fetches,
        before,
        'the verifier was not asked: it would have fetched the keys anew',
      )
      assert.ok(Number(denied.fields.get('retry-after')) > 28_000)
      assert.match(denied.fields.get('ratelimit') ?? '', /"failed-authentications";r=0/)
      await assertNotForwarded(gate, from('192.0.2.1', good), 429, 'quota_exceeded')
      assert.equal((await from('192.0.2.1', undefined, '/optional')).status, 200)
      assert.equal((await from('192.0.2.1', good, '/public')).status, 200)
      assert.equal((await from('192.0.2.2', good)).status, 200)
      assert.equal((await from('192.0.2.2', unknown)).status, 401)
      assert.ok(gate.issuer.fetches > before)
    },
  ))

const ok = { 200: { description: 'ok' } }
const twoWays = {
  openapi: '3.1.0',
  info: { title: 'two ways', version: '1' },
  components: {
    securitySchemes: {
      bearerAuth: { type: 'http', scheme: 'bearer' },
      cookieKey: { type: 'apiKey', in: 'cookie', name: 'key' },
    },
  },
  paths: {
    '/either': {
      post: { operationId: 'either', security: [{ bearerAuth: [] }, { cookieKey: [] }], responses: ok },
    },
    '/optional': {
      get: {
        operationId: 'optional',
        security: [{ bearerAuth: [] }, {}],
        parameters: [{ name: 'theme', in: 'cookie', schema: { type: 'string' } }],
        responses: ok,
      },
    },
  },
}
const twoWaysYaml = (url: string, issuer: string) => `
contract: ./openapi.json
listen: { http: { host: 127.0.0.1, port: 0, allowPlaintext: true }, admin: { host: 127.0.0.1, port: 0 } }
upstreams: { default: { url: "${url}" } }
identity:
  bearerAuth: { type: jwt, issuer: "${issuer}", audience: "https://api.example.com", algorithms: [ES256] }
  cookieKey: { type: apiKey }
failedAuthentications: { rate: 2/day }
${patient}
`

test('F6 a guess is charged though the cookie beside it may be of another site; other cookies are no credential', async () => {
  const issuer = await startIssuer()
  await withGate(
    { document: twoWays, issuer, yaml: ({ url }) => twoWaysYaml(url, issuer.issuer) },
    async (gate) => {
      const headers = ['Cookie: key=guess', 'Origin: https://evil.example', 'Sec-Fetch-Site: cross-site']
      const token = await gate.issuer.token()
      const masked = (bearer?: string) =>
        ask(gate, '/either', { method: 'POST', headers, ...(bearer !== undefined && { token: bearer }) })
      for (const bearer of [token, undefined])
        await assertNotForwarded(gate, masked(bearer), 403, 'cross_site')
      for (let i = 0; i < 2; i++)
        await assertNotForwarded(gate, masked(`${token.slice(0, -8)}AAAAAAA${i}`), 401, 'credential_invalid')
      await assertNotForwarded(gate, masked(token), 429, 'quota_exceeded')
      const plain = ['Cookie: theme=dark']
      assert.equal((await ask(gate, '/optional', { headers: plain })).status, 200, 'it shows no credential')
      for (const cookie of ['key=guess', '__Host-portcullis-session.web=x'])
        assert.equal((await ask(gate, '/optional', { headers: [`Cookie: ${cookie}`] })).status, 429, cookie)
    },
  )
})

test('F6 guesses that are verified together are all owed: side by side nobody guesses faster than the rate', async () => {
  const password = await hashPassword('right')
  const document = {
    ...twoWays,
    components: { securitySchemes: { operator: { type: 'http', scheme: 'basic' } } },
    paths: { '/in': { get: { operationId: 'in', security: [{ operator: [] }], responses: ok } } },
  }
  const yaml = ({ url }: { readonly url: string }) => `
contract: ./openapi.json
listen: { http: { host: 127.0.0.1, port: 0, allowPlaintext: true }, admin: { host: 127.0.0.1, port: 0 } }
upstreams: { default: { url: "${url}" } }
identity: { operator: { type: basic, users: { olga: { password: "${password}" } } } }
failedAuthentications: { rate: 1/day }
${patient}
`
  await withGate({ document, yaml }, async (gate) => {
    const guess = (word: string) => {
      const shown = Buffer.from(`olga:${word}`).toString('base64')
      return ask(gate, '/in', { headers: [`Authorization: Basic ${shown}`] })
    }
    const replies = await Promise.all(['a', 'b', 'c', 'd'].map(guess))
    assert.deepEqual(
      replies.map(({ status }) => status),
      [401, 401, 401, 401],
    )
    const denied = await assertNotForwarded(gate, guess('right'), 429, 'quota_exceeded')
    const days = Number(denied.fields.get('retry-after')) / 86_400
    assert.ok(days > 3.9 && days <= 4, `${days} days`)
  })
})

test('several limits on one request: all or nothing, each with its fields (draft-ietf-httpapi-ratelimit-headers)', () =>
  withGate(
    {
      limits:
        '[{ name: addr, by: address, rate: 600/min, burst: 100 }, { name: subj, by: subject, rate: 2/h, burst: 2 }, { name: op, by: operation, rate: 100/h, burst: 50 }]',
    },
    async (gate) => {
      const token = await gate.issuer.token()
      const first = await ask(gate, '/things', { token })
      const policy = parseList(first.fields.get('ratelimit-policy') ?? '')
      assert.deepEqual(
        policy.map(([name, parameters]) => [name, parameters.get('q'), parameters.get('w')]),
        [
          ['addr', 600, 60],
          ['subj', 2, 3600],
          ['op', 100, 3600],
        ],
      )
      const remaining = (fields: ReadonlyMap<string, string>) =>
        Object.fromEntries(
          parseList(fields.get('ratelimit') ?? '').map(([name, parameters]) => [name, parameters.get('r')]),
        )
      assert.deepEqual(remaining(first.fields), { addr: 99, subj: 1, op: 49 })
      await ask(gate, '/things', { token })
      const denied = await assertNotForwarded(gate, ask(gate, '/things', { token }), 429, 'quota_exceeded')
      assert.equal(remaining(denied.fields).subj, 0)
      assert.equal(remaining(denied.fields).op, 48, 'a denied request does not draw from the others')
      const retryAfter = Number(denied.fields.get('retry-after'))
      assert.ok(retryAfter > 1700 && retryAfter <= 1800, `Retry-After: ${retryAfter}`)
      assert.throws(() => parseDictionary('"subj"'), 'the parser is a strict one')
    },
  ))

test('who hammers is told to stay away longer each time, and which policies it breaks (RFC 9110 10.2.3, RFC 9457)', () =>
  withGate(
    {
      limits:
        '[{ name: s, by: subject, rate: 1/h, burst: 1 }, { name: op, by: operation, rate: 5/h, burst: 1 }]',
    },
    async (gate) => {
      const token = await gate.issuer.token()
      await ask(gate, '/things', { token })
      const told = async () => {
        const reply = await assertNotForwarded(gate, ask(gate, '/things', { token }), 429, 'quota_exceeded')
        const problem = JSON.parse(reply.body) as Readonly<Record<string, unknown>>
        assert.equal(problem.type, 'https://iana.org/assignments/http-problem-types#quota-exceeded')
        assert.deepEqual(problem['violated-policies'], ['s', 'op'])
        const policies = parseList(reply.fields.get('ratelimit-policy') ?? '').map(([name]) => name)
        for (const name of ['s', 'op']) assert.ok(policies.includes(name), name)
        return Number(reply.fields.get('retry-after'))
      }
      const first = await told()
      assert.ok(first > 3590 && first <= 3600, `${first}`)
      await new Promise((resolve) => setTimeout(resolve, 1010))
      const second = await told()
      // The hour is spent up to its bound; the other limit doubles 720 s. All of it is spread by up to a half.
      assert.ok(second >= 3590 && second <= 5400, `${second}`)
      await new Promise((resolve) => setTimeout(resolve, 1010))
      const third = await told()
      assert.ok(third >= 3590 && third <= 5400, `${third}`)
    },
  ))

test('with nothing written the defaults hold: 100 at once by address, 60 by subject', async () => {
  const gate = await startGate({ limits: '[]' })
  try {
    gate.configure(
      (await import('node:fs')).readFileSync(gate.configurationFile, 'utf8').replace('limits: []', ''),
    )
    assert.equal(await gate.gateway.reload(), true)
    const token = await gate.issuer.token()
    const reply = await ask(gate, '/things', { token })
    assert.equal(reply.fields.get('ratelimit-policy'), '"per-address";q=600;w=60, "per-subject";q=300;w=60')
    assert.match(reply.fields.get('ratelimit') ?? '', /^"per-address";r=99;t=\d+, "per-subject";r=59;t=\d+$/)
  } finally {
    await gate.stop()
  }
})

test('a page of an allowed origin reads that its address is held back, and for how long (Fetch 3.3)', () =>
  withGate(
    {
      more: 'cors: { origins: ["https://app.example.com"] }\ntrustedProxies: [127.0.0.0/8]',
      limits:
        '[{ name: addr, by: address, rate: 1/h }, { name: in-flight, by: address, ipv6Prefix: 48, concurrent: 1 }]',
    },
    async (gate) => {
      const from = (address: string, origin = 'https://app.example.com', path = '/public') =>
        ask(gate, path, { headers: [`X-Forwarded-For: ${address}`, `Origin: ${origin}`] })
      const assertReadable = ({ fields }: Awaited<ReturnType<typeof ask>>, quota: RegExp) => {
        assert.equal(fields.get('access-control-allow-origin'), 'https://app.example.com')
        assert.match(fields.get('access-control-expose-headers') ?? '', /RateLimit,.*Retry-After/)
        assert.equal(fields.get('vary'), 'Origin')
        assert.match(fields.get('ratelimit') ?? '', quota)
        assert.ok(Number(fields.get('retry-after')) >= 1)
      }
      assert.equal((await from('192.0.2.1')).status, 200)
      const spent = await assertNotForwarded(gate, from('192.0.2.1'), 429, 'quota_exceeded')
      assertReadable(spent, /"addr";r=0/)
      const foreign = await assertNotForwarded(
        gate,
        from('192.0.2.1', 'https://evil.example.com'),
        429,
        'quota_exceeded',
      )
      assert.equal(foreign.fields.get('access-control-allow-origin'), undefined)
      for (const path of ['/nowhere', '/a/../b'])
        assert.equal((await from('192.0.2.1', undefined, path)).status, 429, path)
      let finish = () => {}
      const arrived = new Promise<void>((resolve) => {
        gate.upstream.answer = (response) => {
          finish = () => void response.end('{}')
          resolve()
        }
      })
      const first = from('192.0.2.2')
      await arrived
      const full = await assertNotForwarded(gate, from('192.0.2.2'), 429, 'quota_exceeded')
      assertReadable(full, /"in-flight";r=0/)
      finish()
      assert.equal((await first).status, 200)
    },
  ))

test('limits of one name are told apart by their operations, whose ids may hold what no field can (RFC 9651 3.3.3)', () => {
  const ids = ['first', 'größe "list" \\ 日本', 'tab\there', 'half \ud800', 'plain /{x}']
  const get = (operationId: string) => ({
    operationId,
    'x-portcullis': { limits: [{ name: 'x', by: 'address', rate: '1/h' }] },
    responses: { 200: { description: 'ok' } },
  })
  const document = {
    openapi: '3.1.0',
    info: { title: 'names', version: '1' },
    security: [],
    paths: Object.fromEntries(ids.map((id, nth) => [`/p${nth}`, { get: get(id) }])),
  }
  return withGate({ document }, async (gate) => {
    const names = []
    for (const nth of ids.keys()) {
      const { status, fields } = await ask(gate, `/p${nth}`)
      assert.equal(status, 200)
      names.push(parseList(fields.get('ratelimit-policy') ?? '').at(-1)?.[0])
      const denied = await assertNotForwarded(gate, ask(gate, `/p${nth}`), 429, 'quota_exceeded')
      assert.deepEqual(JSON.parse(denied.body)['violated-policies'], [names.at(-1)])
    }
    assert.deepEqual(names, [
      'x',
      'gr%C3%B6%C3%9Fe %22list%22 %5C %E6%97%A5%E6%9C%AC.x',
      'tab%09here.x',
      'half %EF%BF%BD.x',
      'plain /{x}.x',
    ])
  })
})
