import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultValidation, loosened, settleValidation, type Validation } from './validation.ts'

const nothing = {
  requests: undefined,
  responses: undefined,
  contentEncodings: undefined,
  undeclaredCookies: undefined,
  maxResponseBytes: undefined,
}

const rows: readonly (readonly [
  written: Partial<Validation>,
  configured: Partial<Validation>,
  keys: readonly string[],
])[] = [
  [{}, {}, []],
  [{ requests: 'enforce', responses: 'enforce' }, {}, []],
  [{ requests: 'report' }, {}, ['requests']],
  [{ responses: 'off' }, {}, ['responses']],
  [{ responses: 'strip' }, { responses: 'enforce' }, []],
  [{ contentEncodings: [] }, { contentEncodings: ['gzip'] }, []],
  [{ contentEncodings: ['gzip'] }, { contentEncodings: ['br', 'gzip'] }, []],
  [{ contentEncodings: ['gzip', 'zstd'] }, { contentEncodings: ['gzip'] }, ['contentEncodings']],
  [{ undeclaredCookies: 'drop' }, {}, ['undeclaredCookies']],
  [{ undeclaredCookies: 'drop' }, { undeclaredCookies: 'drop' }, []],
  [{ undeclaredCookies: 'refuse' }, { undeclaredCookies: 'drop' }, []],
  [{ maxResponseBytes: 1024 ** 2 }, {}, []],
  [{ maxResponseBytes: 1024 }, {}, ['maxResponse']],
  [{ maxResponseBytes: 2 * 1024 ** 2 }, {}, ['maxResponse']],
]
for (const [written, configured, keys] of rows) {
  test(`${JSON.stringify(written)} over ${JSON.stringify(configured)} loosens ${keys.join() || 'nothing'}`, () => {
    const found = loosened({ ...nothing, ...written }, { ...defaultValidation, ...configured })
    assert.deepEqual(
      found.map(([key]) => key),
      keys,
    )
  })
}

test('of each key the innermost that is written holds', () => {
  const settled = settleValidation([
    { ...nothing, contentEncodings: [] },
    { ...nothing, contentEncodings: ['gzip'], undeclaredCookies: 'drop' },
    { ...nothing, undeclaredCookies: 'refuse', maxResponseBytes: 5 },
  ])
  assert.deepEqual(settled, {
    ...defaultValidation,
    contentEncodings: [],
    undeclaredCookies: 'drop',
    maxResponseBytes: 5,
  })
})
