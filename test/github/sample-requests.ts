import { isJsonObject, type Json, type JsonObject } from '../../src/base/json.ts'

/** A request made of what the document itself gives as examples. */
export interface SampleRequest {
  readonly id: string
  readonly method: string
  readonly target: string
  readonly body: Json | undefined
  /** Every value comes from an example, a default or an enumeration of the document; none was made up. */
  readonly fromExamples: boolean
}

const methods = ['get', 'put', 'post', 'delete', 'patch']

/** Walks all operations of a document whose references are resolved. */
export function sampleRequests(document: JsonObject): readonly SampleRequest[] {
  return members(document.paths).flatMap(([template, item]) =>
    members(item)
      .filter(([method]) => methods.includes(method))
      .map(([method, operation]) => sample(method, template, operation as JsonObject)),
  )
}

function sample(method: string, template: string, operation: JsonObject): SampleRequest {
  let fromExamples = true
  let target = template
  const query: string[] = []
  for (const parameter of (operation.parameters ?? []) as readonly JsonObject[]) {
    if (parameter.in === 'path') {
      const value = exampleOf(parameter)
      if (value === undefined) fromExamples = false
      const text = String(value ?? madeUp(parameter))
      target = target.replace(`{${String(parameter.name)}}`, encodeURIComponent(text))
    } else if (parameter.in === 'query' && parameter.required === true) {
      const value = exampleOf(parameter)
      if (value === undefined) fromExamples = false
      query.push(`${String(parameter.name)}=${encodeURIComponent(String(value ?? madeUp(parameter)))}`)
    }
  }
  const { body, known } = bodyOf(operation)
  return {
    id: String(operation.operationId),
    method: method.toUpperCase(),
    target: query.length > 0 ? `${target}?${query.join('&')}` : target,
    body,
    fromExamples: fromExamples && known,
  }
}

function bodyOf({ requestBody }: JsonObject): { readonly body: Json | undefined; readonly known: boolean } {
  const content = isJsonObject(requestBody ?? null)
    ? ((requestBody as JsonObject).content as JsonObject)
    : undefined
  const json = content?.['application/json'] as JsonObject | undefined
  if (!json) return { body: undefined, known: requestBody === undefined }
  const example = exampleOf(json)
  return { body: example, known: example !== undefined || (requestBody as JsonObject).required !== true }
}

/** `example`, else the first of `examples`, else what the schema gives. */
function exampleOf(holder: JsonObject): Json | undefined {
  if (holder.example !== undefined) return holder.example
  const [first] = members(holder.examples).map(([, example]) =>
    isJsonObject(example) ? example.value : undefined,
  )
  if (first !== undefined) return first
  const schema = holder.schema
  if (!isJsonObject(schema ?? null)) return undefined
  const { example, default: standard, enum: choices, examples } = schema as JsonObject
  return (
    example ??
    (Array.isArray(examples) ? (examples[0] as Json) : undefined) ??
    standard ??
    (choices as readonly Json[] | undefined)?.[0]
  )
}

function madeUp({ schema }: JsonObject): string {
  const { type, format } = (schema ?? {}) as JsonObject
  if (type === 'integer' || type === 'number') return '1'
  if (type === 'boolean') return 'true'
  return format === 'date-time' ? '2026-01-01T00:00:00Z' : 'octocat'
}

function members(value: Json | undefined): readonly (readonly [string, Json])[] {
  return value !== undefined && isJsonObject(value) ? Object.entries(value) : []
}
