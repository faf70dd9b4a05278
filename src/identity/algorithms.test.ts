import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { test } from 'node:test'
import { algorithms } from './algorithms.ts'

const vectors = [
  {
    source: 'RFC 7515 A.3',
    alg: 'ES256',
    jwk: {
      kty: 'EC',
      crv: 'P-256',
      x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
      y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
    },
    signed:
      'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ',
    signature: 'DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q',
  },
  {
    source: 'RFC 8037 A.4',
    alg: 'EdDSA',
    jwk: { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
    signed: 'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc',
    signature: 'hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg',
  },
]

test('the vectors of the RFCs verify, and do not once an octet of them differs', () => {
  for (const { source, alg, jwk, signed, signature } of vectors) {
    const algorithm = algorithms[alg]
    assert.ok(algorithm, source)
    assert.ok(algorithm.fits(jwk), source)
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    const octets = Buffer.from(signature, 'base64url')
    assert.ok(algorithm.verify(Buffer.from(signed), key, octets), source)
    assert.ok(!algorithm.verify(Buffer.from(`${signed}A`), key, octets), source)
    octets[5] = (octets[5] ?? 0) ^ 1
    assert.ok(!algorithm.verify(Buffer.from(signed), key, octets), source)
  }
})
