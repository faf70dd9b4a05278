import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { compile } from '../src/contract/compile.ts'
import { link } from '../src/engine/link.ts'
import { validateContent } from '../src/engine/validate/validate-body.ts'
import { compilePattern } from '../src/schema/pattern.ts'
import { order } from './load.ts'
import { type Spread, shown, spreadOf, table } from './statistics.ts'
import { contract } from './world.ts'

/** Microseconds for one body. */
interface BodyLine {
  readonly name: string
  readonly us: Spread
  readonly target: string
}

/** Milliseconds of the slowest of the texts. */
interface PatternLine {
  readonly pattern: string
  readonly engine: 'platform' | 'linear-time'
  readonly ms: Spread
}

interface ValidationFigures {
  readonly bodies: readonly BodyLine[]
  /** Reading, checking and validating 100 KiB, over `JSON.parse` of the same; median of neighbouring runs. */
  readonly nestedOverParse: Spread
  readonly patterns: readonly PatternLine[]
}

/** Octets to a verdict, through the functions of the pipeline; and the worst patterns on long texts. */
export function measureValidation(rounds: number): ValidationFigures {
  const bodies = measureBodies(rounds)
  const patterns = measurePatterns(rounds)
  return { ...bodies, patterns }
}

function measureBodies(rounds: number): Omit<ValidationFigures, 'patterns'> {
  const orders = validatorOf(contract, 'createOrder')
  const nested = validatorOf(JSON.stringify(nestedDocument), 'nested')
  const small = Buffer.from(order)
  const large = Buffer.from(nestedBody())
  const ajv = ajvFor(contract)
  const kinds = [
    { name: `JSON.parse of ${small.length} octets`, target: '', run: () => JSON.parse(small.toString()) },
    ...(ajv
      ? [{ name: 'JSON.parse and Ajv', target: '', run: () => ajv(JSON.parse(small.toString())) || fail() }]
      : []),
    { name: `read, checked, validated: ${small.length} octets`, target: '12', run: () => orders(small) },
    { name: `JSON.parse of ${large.length} octets`, target: '', run: () => JSON.parse(large.toString()) },
    { name: `read, checked, validated: ${large.length} octets`, target: '4 ×', run: () => nested(large) },
  ]
  const samples = kinds.map((): number[] => [])
  for (let round = -2; round < rounds; round++)
    for (const [index, { run, name }] of kinds.entries()) {
      const us = timed(run, name.includes(String(large.length)) ? 100 : 20_000)
      if (round >= 0) samples[index]?.push(us)
    }
  const lines = kinds.map(({ name, target }, index) => ({ name, us: spreadOf(samples[index] ?? []), target }))
  const [parsed = [], validated = []] = samples.slice(-2)
  const nestedOverParse = spreadOf(validated.map((us, index) => us / (parsed[index] ?? Number.NaN)))
  const rows = lines.map(({ name, us, target }) => [name, shown(us, 1), target])
  console.log(`bodies\n${table([['', 'µs', 'at most'], ...rows])}`)
  console.log(`the last two: ${shown(nestedOverParse, 2)} × JSON.parse, at most 4\n`)
  return { bodies: lines, nestedOverParse }
}

/** Microseconds for one call. */
function timed(run: () => unknown, times: number): number {
  const startedMs = performance.now()
  for (let i = 0; i < times; i++) run()
  return ((performance.now() - startedMs) / times) * 1000
}

function fail(): never {
  throw new Error('a sound body was refused')
}

function validatorOf(document: string, id: string): (body: Buffer) => unknown {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'))
  const file = join(folder, 'portcullis.yaml')
  if (document.startsWith('{')) writeFileSync(join(folder, 'openapi.json'), document)
  writeFileSync(
    file,
    `contract: ${document.startsWith('{') ? './openapi.json' : JSON.stringify(document)}
listen: { http: { port: 0, allowPlaintext: true } }
upstreams: { default: { url: "http://127.0.0.1:1" } }
identity: { bearerAuth: { type: jwt, issuer: "http://127.0.0.1:1", audience: bench } }
`,
  )
  const { program, diagnostics } = compile(file, {})
  rmSync(folder, { recursive: true })
  if (!program) throw new Error(JSON.stringify(diagnostics))
  const operation = link(program).operations.find(({ plan }) => plan.id === id)
  const content = operation?.body?.content[0]
  if (!content) throw new Error(`no body of ${id}`)
  return (body) => {
    const verdict = validateContent(
      { kind: 'content', mediaType: content, coding: null, required: true },
      body,
      1024 ** 3,
    )
    if (!verdict.allow) throw new Error(JSON.stringify(verdict))
    return verdict.value
  }
}

/** Null where the bench's own packages are not installed. */
function ajvFor(document: string): ((value: unknown) => boolean) | null {
  if (!existsSync(new URL('node_modules/ajv', import.meta.url))) return null
  const { Ajv } = createRequire(import.meta.url)('ajv') as {
    readonly Ajv: new (options: object) => { compile(schema: unknown): (value: unknown) => boolean }
  }
  const { components } = parse(readFileSync(document, 'utf8')) as {
    readonly components: { readonly schemas: { readonly NewOrder: unknown } }
  }
  return new Ajv({ strict: false }).compile(components.schemas.NewOrder)
}

const item = {
  type: 'object',
  required: ['id', 'name', 'tags', 'size'],
  properties: {
    id: { type: 'integer', minimum: 1 },
    name: { type: 'string', maxLength: 40 },
    open: { type: 'boolean' },
    tags: { type: 'array', maxItems: 5, items: { type: 'string', pattern: '^[a-z]+$' } },
    size: {
      type: 'object',
      required: ['width', 'height'],
      properties: { width: { type: 'number' }, height: { type: 'number' }, unit: { enum: ['mm', 'cm'] } },
    },
  },
}

const nestedDocument = {
  openapi: '3.1.0',
  info: { title: 'nested', version: '1' },
  paths: {
    '/nested': {
      post: {
        operationId: 'nested',
        security: [],
        requestBody: {
          content: {
            'application/json': {
              schema: {
                type: 'object',
                properties: {
                  groups: {
                    type: 'array',
                    items: { type: 'object', properties: { items: { type: 'array', items: item } } },
                  },
                },
              },
            },
          },
        },
        responses: { 200: { description: 'ok' } },
      },
    },
  },
  components: { securitySchemes: { bearerAuth: { type: 'http', scheme: 'bearer' } } },
}

/** About 100 KiB: objects in arrays in objects in arrays. */
function nestedBody(): string {
  const items = Array.from({ length: 32 }, (_, i) => ({
    id: i + 1,
    name: `item number ${i}`,
    open: i % 2 === 0,
    tags: ['red', 'green'],
    size: { width: 12.5, height: i + 0.25, unit: 'mm' },
  }))
  return JSON.stringify({ groups: Array.from({ length: 27 }, () => ({ items })) })
}

const length = 100 * 1024
const repeated = (text: string) => text.repeat(Math.ceil(length / text.length)).slice(0, length)
/** Long runs of what such patterns take, some with an end that they do not take. */
const texts = [
  repeated('a'),
  `${repeated('a')}!`,
  `${repeated('a ')}!`,
  repeated('a.'),
  repeated('a@'),
  `${repeated('a.')}@`,
  `${repeated('1,')}P`,
  `${repeated('/a')}?`,
  repeated(' \t'),
  repeated('漢字'),
]

/** As they stand in public documents and in reports of denial of service. */
const vulnerable = [
  '^(\\w+\\s?)*$',
  '^([a-zA-Z0-9]+)+$',
  '(.*)*@',
  '^(a+)+$',
  '^\\S+@\\S+\\.\\S+$',
  '^([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+[.]{1}(([a-z]{2,3})|([a-z]{2,3}[.]{1}[a-z]{2,3}))$',
  '^(([^<>()\\[\\]\\.,;:\\s@"]+(\\.[^<>()\\[\\]\\.,;:\\s@"]+)*)|(".+"))@(([^<>()\\[\\]\\.,;:\\s@"]+\\.)+[^<>()\\[\\]\\.,;:\\s@"]{2,})$',
  '^(https?:\\/\\/)?([\\da-z\\.-]+)\\.([a-z\\.]{2,6})([\\/\\w \\.-]*)*\\/?$',
  '^(([a-z])+.)+[A-Z]([a-z])+$',
  '^(?:.*,){11}P',
  '^[a-z0-9]+(?:-[a-z0-9]+)*$',
  '^\\s*(\\S.*\\S|\\S)\\s*$',
  '^(?=.*[a-z])(?=.*\\d)(?!.*\\s).{8,}$',
]

function measurePatterns(rounds: number): readonly PatternLine[] {
  const matchers = vulnerable.map((pattern) => {
    const compiled = compilePattern(pattern)
    if (!compiled.ok) throw new Error(`${pattern}: ${compiled.error}`)
    return compiled.value
  })
  const samples = matchers.map((): number[] => [])
  for (let round = -2; round < rounds; round++)
    for (const [index, matcher] of matchers.entries()) {
      const slowest = Math.max(...texts.map((text) => timed(() => matcher.test(text), 1) / 1000))
      if (round >= 0) samples[index]?.push(slowest)
    }
  const lines = vulnerable.map((pattern, index): PatternLine => {
    const engine = matchers[index] instanceof RegExp ? 'platform' : 'linear-time'
    return { pattern, engine, ms: spreadOf(samples[index] ?? []) }
  })
  const rows = lines.map(({ pattern, engine, ms }) => [
    pattern.length > 48 ? `${pattern.slice(0, 47)}…` : pattern,
    engine,
    shown(ms, 2),
    '5',
  ])
  console.log(
    `patterns, the slowest of ${texts.length} texts of 100 KiB\n${table([['', 'engine', 'ms', 'at most'], ...rows])}\n`,
  )
  return lines
}
