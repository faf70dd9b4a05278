import { pointerStep } from '../base/fault-pointer.ts'
import type { JsonObject, JsonSchema } from '../base/json.ts'
import { isJsonObject } from '../base/json.ts'
import { Closing } from './closing.ts'
import {
  type Bound,
  type Evaluated,
  full,
  judgeBounds,
  type Known,
  type Run,
  report,
  type SchemaFault,
  type Verdict,
} from './fault-run.ts'
import { judgeValue } from './judge-value.ts'
import { meantBranch } from './meant-branch.ts'
import { type Definitions, definitionOf } from './parts.ts'
import { compilePattern } from './pattern.ts'
import { allDifferent } from './value.ts'

/** What is said of a member that its schema does not let be there. */
export const unknownField = 'is not a known field'

/**
 * Lists what is wrong with an instance, in the order of the schema, at most `max` faults.
 *
 * A plain interpreter of lowered schemas: slower than the compiled validator, run only on what that refused or must
 * not judge (`linear-schema.ts`), and its oracle in the tests.
 */
export function listFaults(
  schema: JsonSchema,
  definitions: { readonly [name: string]: JsonSchema },
  instance: unknown,
  max: number,
): readonly SchemaFault[] {
  const run: Run = { definitions, max, faults: [], most: max, known: new Map() }
  judge(schema, instance, '', run)
  return run.faults
}

const accepted: Verdict = { valid: true, evaluated: null }

function judge(schema: JsonSchema, instance: unknown, pointer: string, run: Run): Verdict {
  if (schema === true) return accepted
  if (schema === false) return refuse(run, pointer, 'is not allowed')
  const before = run.faults.length
  let valid = judgeValue(schema, instance, pointer, run)
  let evaluated: Evaluated = null
  if (valid && isJsonObject(instance)) {
    evaluated = new Set()
    valid = judgeObject(schema, instance, pointer, run, evaluated) && valid
  } else if (valid && Array.isArray(instance)) {
    evaluated = new Set()
    valid = judgeArray(schema, instance, pointer, run, evaluated) && valid
  }
  if (run.faults.length > before && !valid && typeMissed(run, before, pointer)) return { valid, evaluated }
  valid = judgeInPlace(schema, instance, pointer, run, evaluated) && valid
  // Names and items are unknown only if all that could have known them was satisfied.
  if (valid && evaluated) valid = judgeRest(schema, instance, pointer, run, evaluated)
  if (valid && evaluated && schema.closed === true) valid = judgeClosed(schema, instance, pointer, run)
  return { valid, evaluated }
}

/** JSON Schema 2020-12 Core 11.2 and 11.3. */
function judgeRest(
  schema: JsonObject,
  instance: unknown,
  pointer: string,
  run: Run,
  evaluated: Set<string | number>,
): boolean {
  let valid = true
  if (isJsonObject(instance) && 'unevaluatedProperties' in schema) {
    for (const name of Object.keys(instance)) {
      if (evaluated.has(name)) continue
      valid = judgeMember(schema.unevaluatedProperties as JsonSchema, instance, name, pointer, run) && valid
      evaluated.add(name)
    }
  }
  if (Array.isArray(instance) && 'unevaluatedItems' in schema) {
    for (const [index, item] of instance.entries()) {
      if (evaluated.has(index)) continue
      if (full(run)) return false
      valid = judge(schema.unevaluatedItems as JsonSchema, item, `${pointer}/${index}`, run).valid && valid
      evaluated.add(index)
    }
  }
  return valid
}

/** Whether all is declared in an instance for which a schema holds that is closed at every depth. */
export function isClosed(schema: JsonObject, definitions: Definitions, instance: unknown): boolean {
  const run: Run = { definitions, max: 1, faults: [], most: 1, known: new Map() }
  return judgeClosed(schema, instance, '', run)
}

function judgeClosed(schema: JsonObject, instance: unknown, pointer: string, run: Run): boolean {
  let valid = true
  const closing = new Closing({
    definitions: run.definitions,
    holds: (part, value, at) => silently(run, (silent) => judge(part, value, at, silent).valid),
    step: (at, name) => `${at}/${pointerStep(name)}`,
    refuse: (at) => {
      valid = report(run, at, unknownField)
      return !full(run)
    },
  })
  closing.close(schema, instance, pointer)
  return valid
}

/**
 * ATTACK: CWE-407. The branches of a recursive definition each ask it about the same member, so that without memory
 * the work doubles with every level of nesting.
 */
function judgeReference(ref: string, instance: unknown, pointer: string, run: Run): Verdict {
  const definition = definitionOf(ref, run.definitions)
  if (typeof instance !== 'object' || instance === null) return judge(definition, instance, pointer, run)
  const key = `${ref} ${pointer}`
  const values = run.known.get(key) ?? new Map<object, Known>()
  run.known.set(key, values)
  let found = values.get(instance)
  if (!found) {
    const own: Run = { ...run, max: run.most, faults: [] }
    found = { verdict: judge(definition, instance, pointer, own), faults: own.faults }
    values.set(instance, found)
  }
  for (const fault of found.faults) report(run, fault.pointer, fault.message)
  return found.verdict
}

/** After a wrong type no other keyword has anything to say. */
function typeMissed(run: Run, before: number, pointer: string): boolean {
  const fault = run.faults[before]
  return fault?.pointer === pointer && fault.message.startsWith('must be a')
}

const itemBounds: readonly Bound[] = [
  ['minItems', 'at least', (value, bound) => value >= bound],
  ['maxItems', 'at most', (value, bound) => value <= bound],
]

function judgeArray(
  schema: JsonObject,
  instance: readonly unknown[],
  pointer: string,
  run: Run,
  evaluated: Set<string | number>,
): boolean {
  let valid = judgeBounds(itemBounds, schema, instance.length, run, (symbol, bound) => [
    pointer,
    `must have ${symbol} ${bound} items`,
  ])
  const prefix = (schema.prefixItems ?? []) as readonly JsonSchema[]
  const rest = schema.items as JsonSchema | undefined
  for (const [index, item] of instance.entries()) {
    if (full(run)) return false
    const part = prefix[index] ?? rest
    if (part === undefined) continue
    valid = judge(part, item, `${pointer}/${index}`, run).valid && valid
    evaluated.add(index)
  }
  if (schema.uniqueItems === true && !allDifferent(instance))
    valid = report(run, pointer, 'must not repeat an item')
  if ('contains' in schema) valid = judgeContains(schema, instance, pointer, run, evaluated) && valid
  return valid
}

function judgeContains(
  schema: JsonObject,
  instance: readonly unknown[],
  pointer: string,
  run: Run,
  evaluated: Set<string | number>,
): boolean {
  let matching = 0
  for (const [index, item] of instance.entries()) {
    if (!matches(schema.contains as JsonSchema, item, run)) continue
    matching++
    evaluated.add(index)
  }
  const least = (schema.minContains as number | undefined) ?? 1
  const most = (schema.maxContains as number | undefined) ?? Number.POSITIVE_INFINITY
  if (matching >= least && matching <= most) return true
  return report(run, pointer, 'must contain the demanded number of matching items')
}

const propertyBounds: readonly Bound[] = [
  ['minProperties', 'at least', (value, bound) => value >= bound],
  ['maxProperties', 'at most', (value, bound) => value <= bound],
]

function judgeObject(
  schema: JsonObject,
  instance: JsonObject,
  pointer: string,
  run: Run,
  evaluated: Set<string | number>,
): boolean {
  const names = Object.keys(instance)
  let valid = judgeBounds(propertyBounds, schema, names.length, run, (symbol, bound) => [
    pointer,
    `must have ${symbol} ${bound} members`,
  ])
  for (const name of (schema.required ?? []) as readonly string[]) {
    if (!Object.hasOwn(instance, name)) valid = report(run, `${pointer}/${pointerStep(name)}`, 'is required')
  }
  const properties = (schema.properties ?? {}) as { readonly [name: string]: JsonSchema }
  const patterns = Object.entries(
    (schema.patternProperties ?? {}) as { readonly [pattern: string]: JsonSchema },
  )
  const additional = schema.additionalProperties as JsonSchema | undefined
  for (const name of names) {
    if (full(run)) return false
    let known = false
    const own = Object.hasOwn(properties, name) ? properties[name] : undefined
    const applied = patterns.filter(([pattern]) => nameMatches(pattern, name)).map(([, part]) => part)
    if (own !== undefined) applied.unshift(own)
    for (const part of applied) {
      known = true
      valid = judgeMember(part, instance, name, pointer, run) && valid
    }
    if (!known && additional !== undefined) {
      known = true
      valid = judgeMember(additional, instance, name, pointer, run) && valid
    }
    if (known) evaluated.add(name)
    if ('propertyNames' in schema && !matches(schema.propertyNames as JsonSchema, name, run)) {
      valid = report(run, `${pointer}/${pointerStep(name)}`, 'is not an acceptable name')
    }
  }
  return judgeDependentRequired(schema, instance, pointer, run) && valid
}

function judgeMember(
  schema: JsonSchema,
  instance: JsonObject,
  name: string,
  pointer: string,
  run: Run,
): boolean {
  const at = `${pointer}/${pointerStep(name)}`
  if (schema === false) return report(run, at, unknownField)
  return judge(schema, instance[name], at, run).valid
}

function judgeDependentRequired(
  schema: JsonObject,
  instance: JsonObject,
  pointer: string,
  run: Run,
): boolean {
  let valid = true
  const dependent = (schema.dependentRequired ?? {}) as { readonly [name: string]: readonly string[] }
  for (const [name, needed] of Object.entries(dependent)) {
    if (!Object.hasOwn(instance, name)) continue
    for (const other of needed) {
      if (!Object.hasOwn(instance, other))
        valid = report(run, `${pointer}/${pointerStep(other)}`, 'is required here')
    }
  }
  return valid
}

function judgeInPlace(
  schema: JsonObject,
  instance: unknown,
  pointer: string,
  run: Run,
  evaluated: Evaluated,
): boolean {
  let valid = true
  const include = (verdict: Verdict): void => {
    if (verdict.valid && evaluated && verdict.evaluated)
      for (const name of verdict.evaluated) evaluated.add(name)
  }
  const settle = (verdict: Verdict): void => {
    include(verdict)
    valid = verdict.valid && valid
  }
  const apply = (part: JsonSchema): void => settle(judge(part, instance, pointer, run))
  if (typeof schema.$ref === 'string') settle(judgeReference(schema.$ref, instance, pointer, run))
  for (const part of (schema.allOf ?? []) as readonly JsonSchema[]) apply(part)
  for (const keyword of ['anyOf', 'oneOf'] as const) {
    const branches = schema[keyword] as readonly JsonSchema[] | undefined
    if (branches) valid = judgeBranches(keyword, branches, instance, pointer, run, include) && valid
  }
  if ('not' in schema && matches(schema.not as JsonSchema, instance, run)) {
    valid = report(run, pointer, 'must not have the excluded shape')
  }
  if ('if' in schema) {
    const condition = silently(run, (silent) => judge(schema.if as JsonSchema, instance, pointer, silent))
    include(condition)
    const chosen = condition.valid ? schema.then : schema.else
    if (chosen !== undefined) apply(chosen as JsonSchema)
  }
  if (isJsonObject(instance)) {
    for (const [name, part] of Object.entries(
      (schema.dependentSchemas ?? {}) as { readonly [name: string]: JsonSchema },
    )) {
      if (Object.hasOwn(instance, name)) apply(part)
    }
  }
  return valid
}

/** Lists the faults of the branch that is meant, so that a client learns more than `does not match`. */
function judgeBranches(
  keyword: 'anyOf' | 'oneOf',
  branches: readonly JsonSchema[],
  instance: unknown,
  pointer: string,
  run: Run,
  include: (verdict: Verdict) => void,
): boolean {
  const tried = branches.map((branch) => {
    const attempt: Run = { ...run, faults: [] }
    return { branch, verdict: judge(branch, instance, pointer, attempt), faults: attempt.faults }
  })
  const passed = tried.filter(({ verdict }) => verdict.valid)
  if (passed.length > 1 && keyword === 'oneOf')
    return report(run, pointer, 'must have exactly one of the allowed shapes')
  for (const { verdict } of passed) include(verdict)
  if (passed.length > 0) return true
  const meant = meantBranch(tried, pointer, run.definitions)
  if (!meant) return report(run, pointer, 'must have one of the allowed shapes')
  for (const fault of meant.faults) report(run, fault.pointer, fault.message)
  return false
}

function matches(schema: JsonSchema, instance: unknown, run: Run): boolean {
  return silently(run, (silent) => judge(schema, instance, '', silent).valid)
}

function silently<T>(run: Run, judging: (silent: Run) => T): T {
  return judging({ ...run, max: 1, faults: [] })
}

function nameMatches(pattern: string, name: string): boolean {
  const matcher = compilePattern(pattern)
  return matcher.ok && matcher.value.test(name)
}

function refuse(run: Run, pointer: string, message: string): Verdict {
  report(run, pointer, message)
  return { valid: false, evaluated: null }
}
