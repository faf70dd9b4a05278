import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../../base/json.ts'
import { Memo } from '../../base/memo.ts'
import { normalizeTarget } from '../normalize/normalize-target.ts'
import { parseFields } from '../parse/parse-fields.ts'
import type { Ports } from '../ports.ts'
import { type ConfirmationDemand, judgeConfirmation } from './confirmation.ts'
import { judgeProof } from './judge-proof.ts'
import type { Presentation } from './scheme.ts'

const nowMs = 1_562_262_618_000
/** The proof and the token of RFC 9449 7.1. */
const claims = {
  jti: 'e1j3V_bKic8-LAEB',
  htm: 'GET',
  htu: 'https://resource.example.org/protectedresource',
  iat: 1_562_262_618,
  ath: 'fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo',
}
const jkt = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I'
const demand = {
  method: 'GET',
  url: 'https://resource.example.org/protectedresource',
  keyThumbprint: jkt,
  tokenHash: claims.ath,
  nowMs,
}

const proofs: readonly (readonly [string, JsonObject, string | null])[] = [
  ['the proof of RFC 9449 7.1', {}, null],
  [
    'htu with query, fragment, default port and other case',
    { htu: 'HTTPS://Resource.example.org:443/protectedresource?a#b' },
    null,
  ],
  ['htu with an unreserved octet encoded', { htu: 'https://resource.example.org/%70rotectedresource' }, null],
  ['A27 another method', { htm: 'POST' }, 'htm is not the method'],
  ['A27 another path', { htu: 'https://resource.example.org/other' }, 'htu is not the address'],
  ['A27 another host', { htu: 'https://evil.example.org/protectedresource' }, 'htu is not the address'],
  ['A27 plain http', { htu: 'http://resource.example.org/protectedresource' }, 'htu is not the address'],
  [
    'htu with user information',
    { htu: 'https://a@resource.example.org/protectedresource' },
    'htu is not the address',
  ],
  ['old', { iat: 1_562_262_557 }, 'iat is not about now'],
  ['as old as the memory of proofs reaches', { iat: 1_562_262_558 }, 'iat is not about now'],
  ['from the future', { iat: 1_562_262_679 }, 'iat is not about now'],
  ['iat as a text', { iat: '1562262618' }, 'iat is missing'],
  ['A27 for another token', { ath: 'AAAA' }, 'ath is not the hash of the token'],
  ['jti empty', { jti: '' }, 'jti is missing or too long'],
]

test('a DPoP proof fits one request and one token (RFC 9449 4.3)', () => {
  for (const [title, changes, wrong] of proofs)
    assert.equal(judgeProof({ keyThumbprint: jkt, claims: { ...claims, ...changes } }, demand), wrong, title)
  assert.equal(
    judgeProof({ keyThumbprint: 'other', claims }, demand),
    'the proof is by another key than the token is bound to',
  )
})

function ask(
  cnf: unknown,
  sentAs: 'bearer' | 'dpop',
  {
    proof,
    more = {},
    thumbprint,
    nonce,
    use = 'first',
  }: {
    proof?: string
    more?: Partial<ConfirmationDemand>
    thumbprint?: string
    nonce?: string
    use?: 'first' | 'again' | 'full'
  } = {},
): string {
  const fields = parseFields(proof === undefined ? [] : ['DPoP', proof])
  const target = normalizeTarget('/protectedresource?x=1')
  assert.ok(fields.allow && target.allow)
  const names = { uri: [], dns: [], email: [] }
  const presented: Presentation = {
    method: 'GET',
    target: target.value,
    fields: fields.value,
    cookies: new Map(),
    certificate:
      thumbprint === undefined
        ? null
        : {
            thumbprint,
            subject: 'CN=a',
            issuer: 'CN=ca',
            serial: '1',
            names,
            notBeforeMs: 0,
            notAfterMs: 0,
            distrust: null,
          },
    client: { address: { family: 4, groups: [0x7f00, 1] }, viaTrustedProxy: false, forwardingIgnored: false },
  }
  const seen = {
    kind: 'signed',
    issuer: 'i',
    keyId: null,
    type: null,
    accepted: new Memo<never, never>(),
  } as const
  const ports = {
    proofs: {
      read: (text: string) =>
        text === 'good'
          ? { keyThumbprint: jkt, claims: { ...claims, ...(nonce !== undefined && { nonce }) } }
          : 'no proof',
      tokenHash: () => claims.ath,
      isCurrentNonce: (one: string) => one === 'current',
      nonce: () => 'next',
    },
    replays: { use: (key: string) => (key.startsWith(jkt) ? use : 'again') },
  } as unknown as Ports
  const refusal = judgeConfirmation(
    { ...seen, claims: (cnf === undefined ? {} : { cnf }) as JsonObject },
    { token: 't', sentAs },
    presented,
    { constraints: [], dpopNonce: false, origin: 'https://resource.example.org', ...more },
    ports,
    nowMs,
  )
  if (refusal === null) return 'holder'
  return 'error' in refusal ? `${refusal.kind} ${refusal.error}` : refusal.kind
}

test('a bound token is refused without its proof, demanded or not (RFC 9449 7.2, RFC 8705 3)', () => {
  assert.equal(ask(undefined, 'bearer'), 'holder')
  assert.equal(ask({ jkt }, 'bearer'), 'unproven')
  assert.equal(ask({ jkt }, 'dpop'), 'unproven invalid_dpop_proof')
  assert.equal(ask({ jkt }, 'dpop', { proof: 'good' }), 'holder')
  assert.equal(ask({ jkt }, 'dpop', { proof: 'bad' }), 'invalid invalid_dpop_proof')
  assert.equal(ask({ jkt }, 'dpop', { proof: 'good', use: 'again' }), 'invalid invalid_dpop_proof')
  assert.equal(ask({ jkt }, 'dpop', { proof: 'good', use: 'full' }), 'fault')
  assert.equal(ask(undefined, 'dpop', { proof: 'good' }), 'invalid')
  assert.equal(ask({ 'x5t#S256': 'AAA' }, 'bearer'), 'unproven')
  assert.equal(ask({ 'x5t#S256': 'AAA' }, 'bearer', { thumbprint: 'BBB' }), 'unproven')
  assert.equal(ask({ 'x5t#S256': 'AAA' }, 'bearer', { thumbprint: 'AAA' }), 'holder')
})

test('a binding that is not understood is refused (RFC 7800 3.1)', () => {
  assert.equal(ask({ jwk: {} }, 'bearer'), 'invalid')
  assert.equal(ask({ jkt, kid: 'x' }, 'dpop', { proof: 'good' }), 'invalid')
  assert.equal(ask('text', 'bearer'), 'invalid')
  assert.equal(ask({ jkt: 7 }, 'dpop', { proof: 'good' }), 'invalid')
})

test('a demand for binding refuses a plain bearer token; several demands all hold', () => {
  const dpop = { constraints: [['dpop']] } as const
  const either = { constraints: [['dpop', 'mutualTLS']] } as const
  const both = { constraints: [['dpop'], ['mutualTLS']] } as const
  assert.equal(ask(undefined, 'bearer', { more: dpop }), 'unproven')
  assert.equal(ask({ jkt }, 'dpop', { more: dpop, proof: 'good' }), 'holder')
  assert.equal(ask({ 'x5t#S256': 'A' }, 'bearer', { more: dpop, thumbprint: 'A' }), 'unproven')
  assert.equal(ask({ 'x5t#S256': 'A' }, 'bearer', { more: either, thumbprint: 'A' }), 'holder')
  assert.equal(ask({ jkt }, 'dpop', { more: both, proof: 'good' }), 'unproven')
  assert.equal(
    ask({ jkt, 'x5t#S256': 'A' }, 'dpop', { more: both, proof: 'good', thumbprint: 'A' }),
    'holder',
  )
})

test('a nonce is judged where it is demanded and where it came (RFC 9449 8, 4.3 10)', () => {
  const more = { dpopNonce: true }
  assert.equal(ask({ jkt }, 'dpop', { more, proof: 'good' }), 'unproven use_dpop_nonce')
  assert.equal(ask({ jkt }, 'dpop', { more, proof: 'good', nonce: 'current' }), 'holder')
  assert.equal(ask({ jkt }, 'dpop', { more, proof: 'good', nonce: 'old' }), 'unproven use_dpop_nonce')
  assert.equal(ask({ jkt }, 'dpop', { proof: 'good', nonce: 'old' }), 'unproven use_dpop_nonce')
})

test('without a known origin no proof can be judged, so none is accepted', () => {
  assert.equal(ask({ jkt }, 'dpop', { more: { origin: null }, proof: 'good' }), 'invalid invalid_dpop_proof')
})
