import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'
import { entryReaders } from '../../src/contract/configuration/identity/identity.ts'
import { keys } from '../../src/contract/configuration/keys.ts'
import { project } from '../harness/gate.ts'
import { reasonsPage } from './reasons-page.ts'
import { readSources } from './source.ts'

interface PackageFile {
  readonly exports: object
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly scripts?: Readonly<Record<string, string>>
}

const read = (path: string) => readFileSync(join(project, path), 'utf8')
const packageFile = (path: string) => JSON.parse(read(path)) as PackageFile

test('docs/reasons.md is the table of reasons, both ways', () => {
  assert.equal(read('docs/reasons.md'), reasonsPage(), 'write it anew: npm run docs')
})

test('what the package exports is what it promised', async () => {
  const { exports } = packageFile('package.json')
  assert.deepEqual(exports, {
    '.': { types: './dist/app/index.d.ts', default: './dist/app/index.js' },
    './configuration.schema.json': './configuration.schema.json',
    './package.json': './package.json',
  })
  const main = await import('../../src/app/index.ts')
  assert.deepEqual(Object.keys(main).sort(), ['StartError', 'createGateway'])
})

test('dependencies are pinned exactly, and no script of ours runs at install', () => {
  for (const path of [
    'package.json',
    'toolchain/package.json',
    'test/packages/package.json',
    'bench/package.json',
  ]) {
    const { dependencies, devDependencies, optionalDependencies, peerDependencies, scripts } =
      packageFile(path)
    const all = { ...dependencies, ...devDependencies, ...optionalDependencies, ...peerDependencies }
    for (const [name, version] of Object.entries(all))
      assert.match(version, /^(?:npm:[^@]+@)?\d+\.\d+\.\d+$/, `${path}: ${name}`)
    for (const hook of ['preinstall', 'install', 'postinstall', 'prepare'])
      assert.equal(scripts?.[hook], undefined, `${path}: ${hook}`)
  }
})

test('source files stay below 400 lines', () => {
  const long = readSources().filter(({ text }) => text.split('\n').length > 400)
  assert.deepEqual(
    long.map(({ path }) => path),
    [],
  )
})

test('nothing is left to do in comments, and no type is any', () => {
  for (const { path, text } of readSources())
    assert.doesNotMatch(text, /\b(?:TODO|FIXME|XXX|HACK)\b|(?::|as) any\s*[,;)=|>\]]|@ts-ignore/, path)
})

test('the published schema of the configuration has the keys the reader knows', () => {
  interface Node {
    readonly properties: Readonly<Record<string, unknown>>
  }
  const schema = JSON.parse(read('configuration.schema.json')) as Node & {
    readonly $defs: Readonly<Record<string, Node>>
  }
  for (const [section, known] of Object.entries(keys)) {
    const node = section === 'root' ? schema : schema.$defs[section]
    assert.deepEqual(Object.keys(node?.properties ?? {}).sort(), known.toSorted(), section)
  }
  for (const [type, { keys: known }] of Object.entries(entryReaders)) {
    const properties = Object.keys(schema.$defs[`identity.${type}`]?.properties ?? {})
    assert.deepEqual(properties.sort(), ['type', ...known].sort(), type)
  }
})

test('links between pages lead somewhere', () => {
  const pages = [
    'README.md',
    'ARCHITECTURE.md',
    'SECURITY.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    ...globSync('docs/**/*.md', { cwd: project }),
  ]
  for (const page of pages) {
    for (const [, link = ''] of read(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(link)) continue
      assert.ok(existsSync(resolve(project, dirname(page), link)), `${page} links to ${link}`)
    }
  }
})
