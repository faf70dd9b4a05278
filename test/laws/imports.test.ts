import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stages as entered } from '../harness/stages.ts'
import { partOf, readSources } from './source.ts'

const sources = readSources()

interface Part {
  /** Parts it may import; itself always. */
  readonly may: readonly string[]
  /** Parts of which it may import types and nothing else. */
  readonly typesOf?: readonly string[]
}

/** The import law of docs/ARCHITECTURE: arrows point down only. */
const law: { readonly [part: string]: Part } = {
  base: { may: [] },
  schema: { may: ['base'] },
  expression: { may: ['base'] },
  program: { may: ['base'], typesOf: ['schema', 'expression'] },
  contract: { may: ['program', 'schema', 'expression', 'base'] },
  engine: { may: ['program', 'schema', 'expression', 'base'] },
  identity: { may: ['engine', 'base'], typesOf: ['program'] },
  stores: { may: ['engine', 'base'], typesOf: ['program'] },
  sinks: { may: ['engine', 'base'], typesOf: ['program'] },
  wire: { may: ['engine', 'base'] },
  gateway: { may: ['engine', 'wire', 'program', 'base'] },
  admin: { may: ['engine', 'wire', 'program', 'base'] },
  app: {
    may: [
      'gateway',
      'admin',
      'identity',
      'stores',
      'sinks',
      'wire',
      'contract',
      'engine',
      'program',
      'schema',
      'expression',
      'base',
    ],
  },
  cli: { may: ['app', 'contract', 'program', 'base', 'demo'] },
  demo: { may: ['app', 'contract', 'program', 'base'] },
}

test('the import law: every part imports only what stands below it', () => {
  const broken: string[] = []
  for (const { path, imports } of sources) {
    const part = partOf(path)
    const { may, typesOf = [] } = law[part] ?? { may: [] }
    assert.ok(law[part], `${path}: ${part} has no place in the law`)
    for (const { target, typesOnly } of imports) {
      if (target === null || partOf(target) === part || may.includes(partOf(target))) continue
      if (typesOnly && typesOf.includes(partOf(target))) continue
      broken.push(`${path} imports ${target}`)
    }
  }
  assert.deepEqual(broken, [])
})

test('the engine is pure: no I/O, no clock, no randomness, no environment', () => {
  const impure =
    /\b(?:Date\.now|new Date\(\)|Math\.random|performance\.|process\.|setTimeout|setInterval|setImmediate|fetch\(|globalThis|console\.)/
  for (const { path, text, imports } of sources.filter(({ path: one }) => partOf(one) === 'engine')) {
    const outside = imports.filter(({ target }) => target === null).map(({ from }) => from)
    assert.deepEqual(outside, [], path)
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    assert.doesNotMatch(code, impure, path)
  }
})

/** Folders in the order of the pipeline: answers are judged by that of `validate`, and what happened is recorded last. */
const stages: readonly string[] = [...entered.filter((stage) => stage !== 'response'), 'record']

test('a stage imports only types of other stages, and only of earlier ones', () => {
  const broken: string[] = []
  for (const { path, imports } of sources) {
    const [part, stage = '', file] = path.split('/')
    if (part !== 'engine' || file === undefined) continue
    assert.ok(stages.includes(stage), `${stage} is no stage of the pipeline`)
    for (const { target, typesOnly } of imports) {
      const [otherPart, other = '', otherFile] = (target ?? '').split('/')
      if (otherPart !== 'engine' || otherFile === undefined || other === stage) continue
      if (!typesOnly || stages.indexOf(other) > stages.indexOf(stage))
        broken.push(`${path} imports ${target}`)
    }
  }
  assert.deepEqual(broken, [])
})

test('the pipeline calls the stages in their order', () => {
  const page = sources.find(({ path }) => path === 'engine/pipeline.ts')?.text ?? ''
  const body = page.slice(page.indexOf('export async function pipeline'))
  const calls = [
    'parseHead(',
    'admit(',
    'normalizeTarget(',
    'route(linked.routes, request',
    'shed(',
    'authenticate(',
    'takeAll(operation',
    'authorize(',
    'validateParameters(',
    'judgeBody(',
    'judgeRules(',
    'composeForwarding(',
    'judgeIntent(',
    'Permit.mint(',
  ]
  const places = calls.map((call) => body.indexOf(call))
  assert.ok(
    places.every((place) => place >= 0),
    String(places),
  )
  assert.deepEqual(
    places,
    places.toSorted((a, b) => a - b),
  )
})

test('permits are minted by the pipeline and read by the forwarder, nowhere else', () => {
  const using = (word: string) =>
    sources
      .filter(({ text }) => text.includes(word))
      .map(({ path }) => path)
      .sort()
  assert.deepEqual(using('Permit.mint('), ['engine/pipeline.ts'])
  assert.deepEqual(using('Permit.read('), ['gateway/forward.ts'])
})

test('client-visible errors are written in one place', () => {
  const writing = sources
    .filter(({ text }) => text.includes('urn:portcullis:problem:'))
    .map(({ path }) => path)
  assert.deepEqual(
    writing.filter((path) => partOf(path) !== 'demo' && path !== 'engine/reasons.ts'),
    ['wire/problem.ts'],
  )
})

test('no import cycles', () => {
  const edges = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports
        .filter(({ target, typesOnly }) => target !== null && !typesOnly)
        .map(({ target }) => target as string),
    ]),
  )
  const done = new Set<string>()
  function visit(path: string, trail: readonly string[]): void {
    assert.ok(!trail.includes(path), [...trail, path].join(' → '))
    if (done.has(path)) return
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of edges.keys()) visit(path, [])
})

/** Drivers and libraries, and the folders that may know them. */
const homes: { readonly [library: string]: readonly string[] } = {
  undici: ['gateway', 'identity', 'demo'],
  yaml: ['contract', 'demo'],
  typebox: ['schema'],
  re2js: ['schema'],
  '@marcbachmann/cel-js': ['expression'],
  '@peculiar/x509': ['app', 'identity'],
  'reflect-metadata': ['app', 'identity'],
  'oidc-provider': ['demo'],
  oauth4webapi: ['demo', 'identity'],
  ioredis: ['stores'],
  pg: ['stores'],
}

test('libraries are imported in their own folders only', () => {
  for (const { path, imports } of sources) {
    for (const { from, target } of imports) {
      if (target !== null || from.startsWith('node:')) continue
      const library = from.startsWith('@')
        ? from.split('/').slice(0, 2).join('/')
        : (from.split('/')[0] ?? '')
      assert.ok(homes[library]?.includes(partOf(path)), `${path} imports ${from}`)
    }
  }
})
