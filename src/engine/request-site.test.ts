import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFields } from './parse/parse-fields.ts'
import { crossSite, crossSiteBrowser } from './request-site.ts'

const origin = 'https://shop.example.com'

function judged(method: string, headers: readonly string[]): boolean {
  const fields = parseFields(headers)
  assert.ok(fields.allow)
  return crossSite(method, fields.value, origin) === null
}

const site = (value: string) => ['Sec-Fetch-Site', value]
const from = (value: string) => ['Origin', value]
const to = (mode: string, dest: string) => ['Sec-Fetch-Mode', mode, 'Sec-Fetch-Dest', dest]

const rows: readonly (readonly [passes: boolean, method: string, headers: readonly string[]])[] = [
  [true, 'GET', site('same-origin')],
  [true, 'POST', site('same-origin')],
  [true, 'DELETE', [...site('same-origin'), ...from(origin)]],
  // A page with `Referrer-Policy: no-referrer` posts a form to its own origin.
  [true, 'POST', [...site('same-origin'), ...from('null')]],
  [false, 'POST', [...site('same-origin'), ...from('https://evil.example')]],
  // Typed in, or a bookmark.
  [true, 'GET', site('none')],
  [false, 'POST', site('none')],
  // A link that is followed; the way back from the issuer.
  [true, 'GET', [...site('cross-site'), ...to('navigate', 'document')]],
  [true, 'GET', [...site('same-site'), ...to('navigate', 'document')]],
  [false, 'HEAD', [...site('cross-site'), ...to('navigate', 'document')]],
  [false, 'POST', [...site('cross-site'), ...to('navigate', 'document')]],
  [false, 'GET', [...site('cross-site'), ...to('navigate', 'iframe')]],
  [false, 'GET', [...site('cross-site'), ...to('navigate', 'object')]],
  [false, 'GET', [...site('cross-site'), ...to('no-cors', 'image')]],
  [false, 'GET', [...site('cross-site'), ...to('cors', 'empty')]],
  [false, 'GET', [...site('same-site'), ...to('cors', 'empty')]],
  [false, 'GET', site('cross-site')],
  [false, 'GET', site('')],
  [false, 'GET', site('Same-Origin')],
  [false, 'GET', [...site('same-origin'), ...site('cross-site')]],
  [false, 'PROPFIND', [...site('cross-site'), ...to('navigate', 'document')]],
  // Browsers without Fetch Metadata, and programs.
  [true, 'GET', []],
  [true, 'HEAD', []],
  [false, 'POST', []],
  [false, 'QUERY', []],
  [true, 'POST', from(origin)],
  [false, 'POST', from('null')],
  [false, 'GET', from('https://evil.example')],
  [false, 'POST', from('http://shop.example.com')],
  [false, 'POST', from('https://shop.example.com:444')],
  [false, 'POST', from('https://shop.example.com.evil.example')],
  [false, 'POST', from('https://SHOP.example.com')],
]

test('who may have caused a request with a session (W3C Fetch Metadata 2, CWE-352)', () => {
  for (const [passes, method, headers] of rows)
    assert.equal(judged(method, headers), passes, `${method} ${headers.join(' ')}`)
})

const partner = 'https://partner.example'
const browserRows: readonly (readonly [passes: boolean, method: string, headers: readonly string[]])[] = [
  // Programs.
  [true, 'POST', []],
  [true, 'DELETE', []],
  // Pages of the own origin, and of one that the contract trusts with credentials.
  [true, 'POST', [...site('same-origin'), ...from(origin)]],
  [true, 'POST', [...site('same-origin'), ...from('null')]],
  [true, 'POST', from(origin)],
  [true, 'POST', from('https://alias.example')],
  [true, 'POST', [...site('cross-site'), ...from(partner)]],
  // What is read is the business of `cors`.
  [true, 'GET', [...site('cross-site'), ...from('https://evil.example')]],
  [true, 'HEAD', site('cross-site')],
  [false, 'POST', site('cross-site')],
  [false, 'POST', [...site('cross-site'), ...from('null')]],
  [false, 'PATCH', [...site('same-site'), ...from('https://evil.shop.example.com')]],
  [false, 'POST', [...site('cross-site'), ...from(origin).with(1, 'https://evil.example')]],
  [false, 'POST', from('https://evil.example')],
  [false, 'POST', from('null')],
  [false, 'POST', from('https://alias.example.evil.example')],
  [false, 'POST', from('https://evil-alias.example')],
  [false, 'POST', site('')],
  [false, 'QUERY', site('cross-site')],
]

test('who may have caused a request with a password or certificate that a browser adds (CWE-352)', () => {
  for (const [passes, method, headers] of browserRows) {
    const fields = parseFields(['Host', 'alias.example', ...headers])
    assert.ok(fields.allow)
    const foreign = crossSiteBrowser(method, fields.value, [origin, partner])
    assert.equal(foreign === null, passes, `${method} ${headers.join(' ')}`)
  }
})
