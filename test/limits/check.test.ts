import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { explainOperation } from '../../src/cli/explain-operation.ts'
import type { CapPlan, LimitPlan } from '../../src/program/program.ts'
import { compileWith } from '../harness/compile-with.ts'

// What `state` and the sharing of limits may say, and what `check` says of the rest.

let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-test-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

const env = { REDIS_URL: 'rediss://:hunter2@store.example.com/3', REDIS_PASSWORD: 'hunter2' }

function read(more: string) {
  const { program, settings, diagnostics } = compileWith(folder, more, env)
  const said = diagnostics.map(({ severity, message, fix }) => `${severity}: ${message}; ${fix}`).join('\n')
  assert.doesNotMatch(said, /hunter2/)
  return { program, settings, said }
}

const sharingOf = (limit?: LimitPlan | CapPlan) => (limit && 'sharing' in limit ? limit.sharing : undefined)

const sentinels = 'sentinels: ["rediss://a:26379", "rediss://b:26379"]'

test('a server by its address, Sentinels, and a cluster are read', () => {
  const state = (text: string) => read(`state: ${text}`).settings?.state
  assert.deepEqual(state('"${REDIS_URL}"'), {
    kind: 'redis',
    servers: { kind: 'one', url: env.REDIS_URL },
    user: null,
    password: null,
    tls: { ca: null, cert: null, key: null },
    deadlineMs: 50,
  })
  const named = state(
    `{ ${sentinels}, master: mymaster, user: gate, password: "\${REDIS_PASSWORD}", deadline: 20ms }`,
  )
  assert.ok(named?.kind === 'redis' && named.servers.kind === 'sentinels')
  assert.deepEqual(
    [named.servers.master, named.user, named.password, named.deadlineMs],
    ['mymaster', 'gate', 'hunter2', 20],
  )
  const cluster = state('{ cluster: ["rediss://a:7000", "rediss://b:7000"] }')
  assert.deepEqual(cluster?.kind === 'redis' && cluster.servers, {
    kind: 'cluster',
    urls: ['rediss://a:7000', 'rediss://b:7000'],
  })
})

const problems: readonly (readonly [title: string, yaml: string, says: RegExp])[] = [
  ['no server', 'state: { deadline: 50ms }', /names one server \(redis\)/],
  ['two kinds', `state: { redis: "\${REDIS_URL}", ${sentinels} }`, /names one server/],
  ['sentinels without a master', `state: { ${sentinels} }`, /master is missing/],
  ['a master without sentinels', 'state: { redis: "${REDIS_URL}", master: m }', /master goes with sentinels/],
  ['a password in a list', 'state: { cluster: ["rediss://:hunter2@a:1"] }', /without a password/],
  ['nodes half encrypted', 'state: { cluster: ["rediss://a:1", "redis://b:1"] }', /list of redis/],
  [
    'two passwords',
    'state: { redis: "${REDIS_URL}", password: "${REDIS_PASSWORD}" }',
    /holds a password too/,
  ],
  ['a user without a password', 'state: { redis: "rediss://a", user: gate }', /a user needs a password/],
  [
    'a deadline of minutes',
    'state: { redis: "${REDIS_URL}", deadline: 1min }',
    /deadline must be from 1ms to 1s/,
  ],
  ['TLS for a plain address', 'state: { redis: "redis://127.0.0.1", tls: {} }', /tls is written for a plain/],
  ['another kind of server', 'state: "mysql://store"', /state must be memory, or redis/],
  [
    'a password in an address that is not encoded',
    'state: "redis://:100%@127.0.0.1"',
    /a password in it percent-encoded/,
  ],
  [
    'options of the driver in an address',
    'state: "redis://127.0.0.1/1?connectTimeout=1"',
    /at most the number of a database behind it/,
  ],
  ['a database without a number', 'state: "redis://127.0.0.1/orders"', /the number of a database/],
  ['an unknown key', 'state: { reddis: "${REDIS_URL}" }', /did you mean redis/],
  ['an unknown mode', 'limits: [{ name: a, by: subject, rate: 1/s, mode: exakt }]', /did you mean exact/],
  [
    'a lease of an exact limit',
    'limits: [{ name: a, by: subject, rate: 9/s, lease: 2 }]',
    /only a leased limit borrows/,
  ],
  [
    'a lease above the burst',
    'limits: [{ name: a, by: subject, rate: 9/s, mode: leased, lease: 10 }]',
    /from 1 to 9/,
  ],
  [
    'a fault of a local limit',
    'limits: [{ name: a, by: subject, rate: 9/s, mode: local, onStoreFault: deny }]',
    /a local limit asks no store/,
  ],
  [
    'a rate above the bound, which it names',
    'limits: [{ name: a, by: subject, rate: 2000000/s }]',
    /at most a million a second/,
  ],
]
const many = (count: number, by = 'subject') =>
  `limits: [${Array.from({ length: count }, (_, nth) => `{ name: n${nth}, by: ${by}, rate: 9/s }`).join(', ')}]`
for (const [title, yaml, says] of [
  ...problems,
  [
    'more limits of one request than may be',
    many(65),
    /65 limits hold for a request, and at most 64 may/,
  ] as const,
  [
    'more limits of one address than may be',
    many(65, 'address'),
    /65 limits hold for a request, and at most 64 may/,
  ] as const,
])
  test(`check: ${title}`, () => {
    const { program, said } = read(yaml)
    assert.equal(program, null, said)
    assert.match(said, says)
  })

test('as many limits of one request as may be are read', () => {
  const { program, said } = read(many(64))
  assert.equal(program?.operations[0]?.limits.length, 64, said)
})

test('check warns of a store in the clear, of a secret in the file, of letting everybody through', () => {
  const { said } = read(`state: "redis://:hunter2@store.example.com"
limits: [{ name: a, by: subject, rate: 9/s, onStoreFault: allow }]`)
  for (const says of [/asked in the clear/, /state holds a secret in plain text/, /lets everybody through/])
    assert.match(said, says)
})

test('a cap is read in place of a rate, keeps nothing of buckets, and is not said to be exact over gateways', () => {
  const cap = (more: string) => read(`limits: [{ name: c, by: [subject, "token.tenant"], ${more} }]`)
  assert.deepEqual(cap('concurrent: 4').program?.limits, [
    {
      name: 'c',
      by: [{ property: 'subject' }, { expression: 'token.tenant' }],
      concurrent: 4,
      ipv6PrefixBits: 64,
    },
  ])
  assert.match(
    cap('concurrent: 4, mode: exact').said,
    /counted in each gateway by itself, and are not exact over/,
  )
  assert.match(cap('concurrent: 4, rate: 1/s').said, /a rate or a cap, and rate belongs to a rate/)
  assert.match(cap('concurrent: 4, onStoreFault: deny').said, /onStoreFault belongs to a rate/)
  for (const wrong of ['concurrent: 0', 'concurrent: 1000001', 'concurrent: many'])
    assert.match(cap(wrong).said, /error: concurrent must be/)
  assert.match(cap('burst: 2').said, /rate is missing/)
  assert.match(
    read('state: "${REDIS_URL}"\nlimits: [{ name: c, by: key, concurrent: 2 }]').said,
    /warning: .*requests in flight \(concurrent\), are counted in each gateway/,
  )
})

test('every variable of a limit is an expression by itself where it yields a text; other bare words are no expression', () => {
  const by = (text: string) => read(`limits: [{ name: a, by: ${text}, rate: 1/s }]`)
  const { program, said } = by('[token.tenant, issuer]')
  assert.deepEqual(
    program?.limits.map((limit) => limit.by),
    [[{ expression: 'token.tenant' }, { expression: 'issuer' }]],
    said,
  )
  assert.match(by('token').said, /by: yields map/)
  assert.match(by('tenant').said, /by must be of subject/)
})

test('limits are exact, at the door local, unless they say otherwise; without a store explain says none is shared', () => {
  const limits = `limits:
  - { name: user, by: subject, rate: 300/min, burst: 60 }
  - { name: lent, by: client, rate: 300/min, burst: 60, mode: leased }
  - { name: door, by: address, rate: 300/min }
  - { name: shared-door, by: address, rate: 300/min, mode: exact, onStoreFault: deny }
failedAuthentications: { mode: exact }`
  const { program, said } = read(`state: "\${REDIS_URL}"\n${limits}`)
  assert.ok(program, said)
  const of = (name: string) => sharingOf(program.limits.find((limit) => limit.name === name))
  assert.deepEqual(of('user'), { mode: 'exact', lease: 0, onStoreFault: 'local' })
  assert.deepEqual(of('lent'), { mode: 'leased', lease: 6, onStoreFault: 'local' })
  assert.equal(of('door'), undefined)
  assert.deepEqual(of('shared-door'), { mode: 'exact', lease: 0, onStoreFault: 'deny' })
  assert.equal(program.admission.failedAuthentications.sharing?.mode, 'exact')
  const explained = (more: string) => {
    const { program, settings } = read(more)
    const [operation] = program?.operations ?? []
    assert.ok(operation && program && settings)
    return explainOperation(operation, program, settings.state)
  }
  assert.match(
    explained(`state: "\${REDIS_URL}"\n${limits}`),
    /user: .*, shared exactly; without the store: local/,
  )
  assert.match(
    explained(`state: "\${REDIS_URL}"\n${limits}`),
    /refused credentials: .*, shared exactly; without the store: local/,
  )
  assert.doesNotMatch(explained(limits), /, shared (?:exactly|by)/)
  const defaults = read('state: "${REDIS_URL}"').program
  assert.deepEqual(
    defaults?.limits.map((limit) => [limit.name, sharingOf(limit)?.mode]),
    [
      ['per-address', undefined],
      ['per-subject', 'exact'],
    ],
  )
})

test('who writes the default limits away is told what that lets through; who writes nothing, or limits, is not', () => {
  assert.match(
    read('limits: []').said,
    /warning: the default limits are off: .* not counted; .* for the defaults/,
  )
  for (const written of ['', 'limits: [{ name: a, by: subject, rate: 9/s }]'])
    assert.doesNotMatch(read(written).said, /default limits/)
})
