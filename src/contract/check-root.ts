import { isKnownDialect } from '../schema/keywords.ts'
import type { OpenApiVersion } from './openapi-keys.ts'
import { componentKeys, rootKeys } from './openapi-keys.ts'
import type { Section } from './section.ts'

/** What stands at the root of a document and is read piece by piece elsewhere, or not at all when nothing uses it. */
export function checkRoot(root: Section, version: OpenApiVersion): void {
  root.expect(rootKeys(version), 'extensions')
  checkDialect(root)
  checkSelf(root)
  if (root.has('security') && !Array.isArray(root.get('security')))
    root.wrong('security', 'a list of requirements, [] for public')
  checkComponents(root, version)
  for (const server of root.items('servers') ?? []) {
    server.require('url', 'https://api.example.com/v1')
    for (const [, variable] of server.members('variables')) {
      variable.require('default', 'v1')
      variable.text('default')
    }
  }
}

/** A schema of another dialect would be read with the wrong meaning. @see OpenAPI 3.1.1 4.8.24.7 */
function checkDialect(root: Section): void {
  const dialect = root.text('jsonSchemaDialect')
  if (dialect === undefined || isKnownDialect(dialect)) return
  root.problem(
    'jsonSchemaDialect',
    'schema-dialect-unsupported',
    'schemas of this dialect are not read',
    'write schemas in JSON Schema 2020-12 and remove jsonSchemaDialect',
  )
}

/** OpenAPI 3.2.0 OpenAPI Object: the document's own URI has no fragment. */
function checkSelf(root: Section): void {
  if (root.text('$self')?.includes('#')) root.wrong('$self', 'a URI reference without a fragment')
}

/** OpenAPI 3.1.1 4.8.7: references are made of these names. */
function checkComponents(root: Section, version: OpenApiVersion): void {
  const components = root.child('components')?.expect(componentKeys(version), 'extensions')
  for (const kind of Object.keys(components?.value ?? {}).filter((key) => !key.startsWith('x-'))) {
    const named = components?.child(kind)
    for (const name of Object.keys(named?.value ?? {})) {
      if (/^[A-Za-z0-9._-]+$/.test(name)) continue
      const message = `${name} is no name of a component`
      const fix = 'use letters, digits, ., - and _'
      named?.report.warn('component-name', named.position(name, 'key'), message, fix)
    }
  }
}
