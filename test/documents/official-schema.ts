import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// The schemas of OpenAPI documents that the OpenAPI Initiative publishes, as @hyperjump/json-schema carries and evaluates
// them: a judge that shares nothing with what is tested.

const folder = new URL('../packages/node_modules/@hyperjump/json-schema/', import.meta.url)

export const isInstalled = (): boolean => existsSync(fileURLToPath(folder))

const schemas: { readonly [minor: string]: string } = {
  '3.0': 'https://spec.openapis.org/oas/3.0/schema',
  '3.1': 'https://spec.openapis.org/oas/3.1/schema-base',
  '3.2': 'https://spec.openapis.org/oas/3.2/schema-base',
}

interface Output {
  readonly valid: boolean
  readonly errors?: readonly { readonly instanceLocation: string }[]
}

interface Judge {
  validate(schema: string, instance: unknown, output: 'BASIC'): Promise<Output>
}

/** Places of an OpenAPI document that the official schema of its version refuses; none: it is valid. */
export async function officialFaults(document: { readonly openapi: string }): Promise<readonly string[]> {
  const minor = document.openapi.slice(0, 3)
  const judge = (await import(`${folder.href}openapi-${minor.replace('.', '-')}/index.js`)) as Judge
  const { valid, errors = [] } = await judge.validate(schemas[minor] as string, document, 'BASIC')
  return valid ? [] : ['', ...errors.map(({ instanceLocation }) => instanceLocation)]
}
