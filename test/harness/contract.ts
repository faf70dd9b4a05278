import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compile } from '../../src/contract/compile.ts'
import type { Diagnostic } from '../../src/contract/diagnostic.ts'
import type { Denial } from '../../src/engine/decision.ts'
import { type LinkedProgram, link } from '../../src/engine/link.ts'
import { normalizeTarget } from '../../src/engine/normalize/normalize-target.ts'
import { parseCookies } from '../../src/engine/parse/parse-cookies.ts'
import { parseHead } from '../../src/engine/parse/parse-head.ts'
import { route } from '../../src/engine/route/route.ts'
import { type ParameterValues, validateParameters } from '../../src/engine/validate/validate-parameters.ts'

export interface CompiledContract {
  /** Null when there is any error. */
  readonly linked: LinkedProgram | null
  readonly errors: readonly Diagnostic[]
  readonly warnings: readonly Diagnostic[]
}

/**
 * Compiles and links one OpenAPI document, given as data, the way `run` does.
 *
 * @param files beside the document, by name
 */
export function compileContract(
  document: object,
  files: { readonly [name: string]: object } = {},
): CompiledContract {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-contract-'))
  try {
    writeFileSync(join(folder, 'openapi.json'), JSON.stringify(document))
    for (const [name, file] of Object.entries(files)) writeFileSync(join(folder, name), JSON.stringify(file))
    const configuration = join(folder, 'portcullis.yaml')
    writeFileSync(
      configuration,
      'contract: ./openapi.json\nlisten: { http: { port: 0, allowPlaintext: true } }\nupstreams: { default: { url: "http://127.0.0.1:9" } }\n',
    )
    const { program, diagnostics } = compile(configuration, {})
    const of = (severity: Diagnostic['severity']) => diagnostics.filter((one) => one.severity === severity)
    return { linked: program && link(program), errors: of('error'), warnings: of('warning') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export type ParameterVerdict =
  | { readonly allow: true; readonly values: ParameterValues }
  | { readonly allow: false; readonly denial: Denial }

/** Takes the parameters of one request through the stages that read them. */
export function judgeParameters(
  linked: LinkedProgram,
  target: string,
  headers: readonly string[] = [],
): ParameterVerdict {
  const head = parseHead({
    method: 'GET',
    target,
    headers: ['Host', 'api.example.com', ...headers],
    httpVersion: '1.1',
  } as unknown as Parameters<typeof parseHead>[0])
  if (!head.allow) return { allow: false, denial: head }
  const normalized = normalizeTarget(target)
  if (!normalized.allow) return { allow: false, denial: normalized }
  const routed = route(linked.routes, 'GET', normalized.value)
  if (!routed.allow) return { allow: false, denial: routed }
  const verdict = validateParameters(routed.value.operation.parameters, {
    captured: routed.value.captured,
    query: normalized.value.query,
    fields: head.value.fields,
    cookies: parseCookies(head.value.fields),
  })
  return verdict.allow ? { allow: true, values: verdict.value } : { allow: false, denial: verdict }
}

/** A document of one GET operation at `/color` (and `/color/{color}` for a path parameter). */
export function parameterDocument(parameter: object, openapi = '3.1.1'): object {
  const place = (parameter as { readonly in?: string }).in
  const path = place === 'path' ? '/color/{color}' : '/color'
  return {
    openapi,
    info: { title: 'colors', version: '1' },
    paths: {
      [path]: { get: { security: [], parameters: [parameter], responses: { 200: { description: 'ok' } } } },
    },
  }
}

export function linkedContract(
  document: object,
  files: { readonly [name: string]: object } = {},
): LinkedProgram {
  const { linked, errors } = compileContract(document, files)
  assert.deepEqual(
    errors.map(({ rule, message }) => `${rule}: ${message}`),
    [],
  )
  assert.ok(linked)
  return linked
}
