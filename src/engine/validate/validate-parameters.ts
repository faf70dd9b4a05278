import type { JsonFault } from '../../base/read-json.ts'
import { splitSegment } from '../../base/segment.ts'
import { kindAt } from '../../base/value-kind.ts'
import type { ParameterPlan } from '../../program/program.ts'
import type { Validator } from '../../schema/validator.ts'
import { allow, type Decision, denyWith, type Fault } from '../decision.ts'
import type { QueryPair } from '../normalize/target.ts'
import type { FieldTable } from '../parse/head.ts'
import type { Reading } from './parameter-value.ts'
import { readHeader, readPathParameter, readSimple } from './read-delimited.ts'
import { claims, isAlias, isMember, type QueryClaim, readQueryParameter } from './read-query.ts'
import { settle } from './settle.ts'

export interface LinkedParameter {
  readonly plan: ParameterPlan
  readonly validator: Validator
}

export interface LinkedPathParameter extends LinkedParameter {
  /** Index of the template segment, the literal text in it, and which of its parameters this is. */
  readonly segment: number
  readonly texts: readonly string[]
  readonly index: number
}

export interface LinkedQueryParameter extends LinkedParameter {
  readonly claim: QueryClaim
}

/** Parameters of one operation by where they stand. */
export interface LinkedParameters {
  readonly path: readonly LinkedPathParameter[]
  readonly query: readonly LinkedQueryParameter[]
  readonly header: readonly LinkedParameter[]
  readonly cookie: readonly LinkedParameter[]
  /** Names in the query that carry a credential and are no parameters. */
  readonly credentials: ReadonlySet<string>
  /** Whether any operation knows a cookie of this name; null where unknown ones are dropped in silence. */
  readonly knowsCookie: ((name: string) => boolean) | null
}

/** What rules may look at: typed values by name. */
export interface ParameterValues {
  readonly path: ReadonlyMap<string, unknown>
  readonly query: ReadonlyMap<string, unknown>
  readonly header: ReadonlyMap<string, unknown>
  readonly cookie: ReadonlyMap<string, unknown>
}

export const maxFaults = 20
const noPairs: readonly QueryPair[] = []

/** What parameters are read from; each part was parsed by an earlier stage. */
export interface ParameterSources {
  /** Raw text of each template segment. */
  readonly captured: readonly string[]
  readonly query: readonly QueryPair[]
  readonly fields: FieldTable
  readonly cookies: ReadonlyMap<string, readonly string[]>
}

/** Checks every parameter of the operation and that query and cookies hold nothing else. All faults are listed. */
export function validateParameters(
  parameters: LinkedParameters,
  from: ParameterSources,
): Decision<ParameterValues> {
  const check = new ParameterCheck()
  check.path(parameters.path, from.captured)
  check.query(parameters, from.query)
  check.header(parameters.header, from.fields)
  check.cookie(parameters, from.cookies)
  const { faults } = check
  if (faults.length === 0) return allow(check.values)
  return denyWith('validate', 'parameter_invalid', summarize(faults), { faults })
}

class ParameterCheck {
  readonly faults: Fault[] = []
  readonly values = {
    path: new Map<string, unknown>(),
    query: new Map<string, unknown>(),
    header: new Map<string, unknown>(),
    cookie: new Map<string, unknown>(),
  } satisfies ParameterValues

  path(parameters: readonly LinkedPathParameter[], captured: readonly string[]): void {
    for (const parameter of parameters) {
      const raw = captured[parameter.segment] as string
      const text = splitSegment(raw, parameter.texts)?.[parameter.index] ?? ''
      this.#judge(parameter, readPathParameter(parameter.plan, text))
    }
  }

  query({ query: parameters, credentials }: LinkedParameters, pairs: readonly QueryPair[]): void {
    const claimed = pairs.length === 0 ? null : this.#claim(parameters, credentials, pairs)
    for (const parameter of parameters) {
      const own = claimed?.get(parameter) ?? noPairs
      if (own.length === 0) this.#absent(parameter)
      else this.#judge(parameter, readQueryParameter(parameter.claim, own))
    }
  }

  header(parameters: readonly LinkedParameter[], fields: FieldTable): void {
    for (const parameter of parameters) {
      const values = fields.all(parameter.plan.name.toLowerCase())
      if (values.length === 0) this.#absent(parameter)
      else if (values.length > 1 && parameter.plan.type.kind === 'primitive') {
        this.#fault(parameter.plan, 'must not be repeated')
      } else this.#judge(parameter, readHeader(parameter.plan, values))
    }
  }

  cookie(
    { cookie: parameters, knowsCookie }: LinkedParameters,
    cookies: ReadonlyMap<string, readonly string[]>,
  ): void {
    if (knowsCookie !== null)
      for (const name of cookies.keys()) if (!knowsCookie(name)) this.#unknown('cookie', name)
    for (const parameter of parameters) {
      const values = cookies.get(parameter.plan.name) ?? []
      if (values.length === 0) this.#absent(parameter)
      else if (values.length > 1) this.#fault(parameter.plan, 'must not be repeated')
      else this.#cookieValue(parameter, values[0] as string)
    }
  }

  /** Quotes around a value are part of it to some (RFC 6265 5.2) and none to others, so it must be sound either way. */
  #cookieValue(parameter: LinkedParameter, text: string): void {
    const before = this.faults.length
    this.#judge(parameter, readSimple(parameter.plan, text))
    if (text.startsWith('"') && this.faults.length === before)
      this.#judge(parameter, readSimple(parameter.plan, text.slice(1, -1)))
  }

  #claim(
    parameters: readonly LinkedQueryParameter[],
    credentials: ReadonlySet<string>,
    pairs: readonly QueryPair[],
  ): Map<LinkedParameter, QueryPair[]> {
    const claimed = new Map<LinkedParameter, QueryPair[]>()
    for (const pair of pairs) {
      const owner =
        parameters.find(({ claim }) => claims(claim, pair.name) === 'whole') ??
        parameters.find((one) => takesMember(one, pair.name, parameters))
      if (!owner && credentials.has(pair.name)) continue
      if (!owner) {
        this.#unknown('query', pair.name)
        continue
      }
      const own = claimed.get(owner)
      if (own) own.push(pair)
      else claimed.set(owner, [pair])
    }
    return claimed
  }

  #absent({ plan }: LinkedParameter): void {
    if (plan.required) this.#fault(plan, 'is required')
  }

  #judge({ plan, validator }: LinkedParameter, reading: Reading): void {
    if (!reading.ok) {
      for (const fault of reading.faults) this.#faultIn(plan, fault, undefined)
      if (!('value' in reading) || validator.check(reading.value)) return
      const told = new Set(reading.faults.map(({ pointer }) => pointer))
      for (const fault of validator.faults(reading.value, maxFaults))
        if (!told.has(fault.pointer)) this.#faultIn(plan, fault, reading.value)
      return
    }
    if (reading.value === undefined) return
    const settled = settle(reading, validator)
    if (settled) {
      this.values[plan.in].set(plan.name, settled.value)
      return
    }
    for (const fault of validator.faults(reading.value, maxFaults)) this.#faultIn(plan, fault, reading.value)
  }

  /** @param value that was judged; undefined for one that could not be read */
  #faultIn(plan: ParameterPlan, { pointer, message }: JsonFault, value: unknown): void {
    const seen = value === undefined ? {} : { seen: kindAt(value, pointer) }
    this.#add({ in: plan.in, pointer: pointerTo(plan.name) + pointer, message, ...seen })
  }

  #fault(plan: ParameterPlan, message: string): void {
    this.#add({ in: plan.in, pointer: pointerTo(plan.name), message })
  }

  #unknown(place: 'query' | 'cookie', name: string): void {
    this.#add({ in: place, pointer: pointerTo(name), message: 'is not a known parameter' })
  }

  #add(fault: Fault): void {
    if (this.faults.length < maxFaults) this.faults.push(fault)
  }
}

function takesMember(
  { claim }: LinkedQueryParameter,
  name: string,
  all: readonly LinkedQueryParameter[],
): boolean {
  if (claims(claim, name) !== 'member') return false
  if (claim.members !== 'own' || isMember(claim, name)) return true
  return !isAlias(name, (base) => all.some((one) => one.claim.name === base || isMember(one.claim, base)))
}

/** For the operator: how many and what kind. Pointers may hold names a client made up, so they stay out of logs. */
export function summarize(faults: readonly Fault[]): string {
  return `${faults.length} fault${faults.length === 1 ? '' : 's'}; the first: ${faults[0]?.in} ${faults[0]?.message}`
}

const maxPointerName = 64

/** RFC 6901 3. A name the client made up is cut, so that it cannot be used to write to logs or pages. */
function pointerTo(name: string): string {
  const cut = name.length > maxPointerName ? `${name.slice(0, maxPointerName)}…` : name
  return `/${cut.replaceAll('~', '~0').replaceAll('/', '~1')}`
}
