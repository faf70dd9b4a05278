import { randomFrom } from '../random.ts'

/** What breaks lines, terminals, viewers and parsers of JSON. */
const nasty: readonly string[] = [
  '\u0000',
  '\u0007',
  '\b',
  '\t',
  '\n',
  '\r\n',
  '\u001b[2J\u001b[31m',
  '\u001b]0;title\u0007',
  '\u007f',
  '\u0085',
  '\u009b31m',
  '\u00ad',
  '\u200b\u200f',
  '\u2028',
  '\u2029',
  '\u202e\u2066',
  '\u2069',
  '\ud800',
  '\udfff',
  '\udc00\ud800',
  '\ufeff',
  '\ufffe\uffff',
  '\u{e0041}\u{e007f}',
  '\u{1f600}',
  '"',
  '\\',
  '\\u0000',
  '"}\n{"event":"ready"}',
  '","event":"ready',
  '{}{}',
  '%00%0a%1b',
  '${jndi:ldap://x}',
  '\u001b',
  'é漢字',
  'x'.repeat(600),
  '\ud83d'.repeat(600),
  '\u{1f600}'.repeat(300),
]

/** What the gate admits in a field. */
const beyondAscii = /[^\t\x20-\x7e]/g
/** What Node.js admits. */
const beyondOctets = new RegExp(['[\\u0000-\\u0008]', '[\\u000a-\\u001f\\u007f]'].join('|'), 'g')

export interface HostileText {
  /** Any text, as a claim of a token may be. */
  any(): string
  /** As far as a field of a head admits it, and a little further. */
  field(): string
  /** Of a target: percent-encoded, in ways sound and not. */
  target(): string
}

export function hostileText(seed: number): HostileText {
  const random = randomFrom(seed)
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const any = () =>
    Array.from({ length: 1 + Math.floor(random() * 4) }, () => one(nasty)).join(one(['', ' ', 'a']))
  return {
    any,
    // Seldom with octets that are refused: then the rest of the request is not looked at.
    field: () => {
      const text = any()
      if (random() < 0.99) return text.replace(beyondAscii, '').trim() || 'x'
      return Buffer.from(text).toString('latin1').replace(beyondOctets, '').trim() || 'x'
    },
    target: () => {
      const octets = Buffer.from(any())
      return [...octets.subarray(0, 200)].map((octet) => `%${octet.toString(16).padStart(2, '0')}`).join('')
    },
  }
}

/** Whole requests, Latin-1; each leaves one line. @param tokens with hostile claims */
export function hostileRequests(count: number, tokens: readonly string[]): readonly string[] {
  const { any, field, target } = hostileText(4711)
  const random = randomFrom(815)
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const body = () =>
    Buffer.from(JSON.stringify(one<unknown>([{ name: 'a' }, { name: any() }, { [any()]: any() }, [any()]])))
  const kinds: readonly (() => string)[] = [
    () => request('GET', '/open', []),
    () => request('GET', '/items/a', [`Authorization: Bearer ${one(tokens)}`]),
    () => request('GET', '/items/a', [`Authorization: Bearer ${one(tokens)}`]),
    () => request('GET', `/items/${target()}?q=${target()}`, [`Authorization: Bearer ${one(tokens)}`]),
    () => request('GET', `/items/a?${target()}=${target()}`, [`Authorization: Bearer ${one(tokens)}`]),
    () => request('GET', '/items/a', [`Authorization: Bearer ${one(tokens)}`, `X-Mode: ${field()}`]),
    () => request('GET', `/${target()}`, []),
    () => request(one(['PROPFIND', 'M-SEARCH', 'QUERY', 'BIND']), '/open', []),
    () => request('GET', '/items/a', [`Authorization: ${field()}`]),
    () => request('GET', '/items/a', [`Authorization: Bearer ${field()}`]),
    () => request('POST', '/items', [`Authorization: Bearer ${one(tokens)}`], body()),
    () => request('POST', '/items', [`Authorization: Bearer ${one(tokens)}`], Buffer.from(any())),
    () => request('POST', `/reported?q=${target()}`, [], body()),
    () => request('POST', `/reported?${target()}=1`, [], Buffer.from(any())),
  ]
  return Array.from({ length: count }, (_, index) => (kinds[index % kinds.length] as () => string)())

  function request(method: string, path: string, fields: readonly string[], content?: Buffer): string {
    const all = [
      `Host: ${random() < 0.95 ? 'api.example.com' : 'x'}`,
      `User-Agent: ${field()}`,
      `X-Forwarded-For: ${random() < 0.95 ? one(['192.0.2.7', '2001:db8::7']) : field()}`,
      `X-Request-Id: ${one(['abc', field()])}`,
      `Traceparent: ${one([`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, field()])}`,
      `Tracestate: ${field()}`,
      ...fields,
      ...(content ? ['Content-Type: application/json', `Content-Length: ${content.length}`] : []),
    ]
    return `${method} ${path} HTTP/1.1\r\n${all.join('\r\n')}\r\n\r\n${content?.toString('latin1') ?? ''}`
  }
}

/** Heads that HTTP does not admit: each is answered 400 and ends its connection. */
export function malformedRequests(): readonly string[] {
  return ['\u0000', '\u001b[31m', '\u007f', '\n\u0000'].flatMap((octets) => [
    `GET /open HTTP/1.1\r\nHost: x\r\nUser-Agent: a${octets}b\r\n\r\n`,
    `GET /${octets} HTTP/1.1\r\nHost: x\r\n\r\n`,
    `G${octets}T / HTTP/1.1\r\nHost: x\r\n\r\n`,
    `GET / HTTP/1.1\r\nHo${octets}st: x\r\n\r\n`,
  ])
}
