import { parseRate, wantedRate } from '../../base/duration.ts'
import { nearest } from '../../base/nearest.ts'
import { compileExpression } from '../../expression/compile-expression.ts'
import { limitScope } from '../../expression/scopes.ts'
import type { CapPlan, LimitKey, LimitPlan, LimitProperty } from '../../program/program.ts'
import type { Section } from '../section.ts'
import { readConcurrent } from './caps.ts'
import { keys } from './keys.ts'
import { readSharing, sharedExactly } from './sharing.ts'

const properties = [
  'subject',
  'key',
  'client',
  'address',
  'operation',
] as const satisfies readonly LimitProperty[]
const defaultIpv6PrefixBits = 64
const maxKeys = 4

/** What applies when nothing is written: conservative, and enough for a person at a screen. */
export const defaultLimits: readonly LimitPlan[] = [
  {
    name: 'per-address',
    by: [{ property: 'address' }],
    rate: 600,
    windowSeconds: 60,
    burst: 100,
    ipv6PrefixBits: defaultIpv6PrefixBits,
  },
  {
    name: 'per-subject',
    by: [{ property: 'subject' }],
    rate: 300,
    windowSeconds: 60,
    burst: 60,
    ipv6PrefixBits: defaultIpv6PrefixBits,
    sharing: sharedExactly,
  },
]

/** The limit of refused credentials. It has a default of its own, which writing `limits` does not replace. */
export function readFailedAuthentications(parent: Section): LimitPlan {
  const section = parent.child('failedAuthentications')?.expect(keys.failedAuthentications)
  const rate = section?.parsed('rate', parseRate, wantedRate) ?? { rate: 60, windowSeconds: 60 }
  const burst = section?.integer('burst', 1, 1_000_000_000) ?? rate.rate
  const sharing = section && readSharing(section, burst, 'local')
  return {
    name: 'failed-authentications',
    by: [{ property: 'address' }],
    ...rate,
    burst,
    ipv6PrefixBits: section?.integer('ipv6Prefix', 32, 128) ?? defaultIpv6PrefixBits,
    overdraws: true,
    ...(sharing && { sharing }),
  }
}

/**
 * Reads `limits`, in the configuration and in the contract alike.
 * @param door that of the configuration: limits by address alone are drawn from before authentication
 */
export function readLimits(parent: Section, door?: 'door'): readonly (LimitPlan | CapPlan)[] | undefined {
  const items = parent.items('limits')
  if (!items) return undefined
  if (items.length === 0 && door)
    parent.report.warn(
      'limits-none',
      parent.position('limits'),
      'the default limits are off: who calls what the contract limits nothing of is not counted',
      'write limits, or leave the key out for the defaults',
    )
  const names = new Set<string>()
  return items.flatMap((section) => {
    const limit = readLimit(section.expect(keys.limit), door === 'door')
    if (!limit) return []
    if (names.has(limit.name))
      section.problem(
        'name',
        'limit-duplicate',
        `a limit called ${limit.name} stands above`,
        'give it another name',
      )
    names.add(limit.name)
    return [limit]
  })
}

/** Such a limit needs nothing but the address, so that it is drawn from before anything is computed. */
export function isAddressOnly(by: LimitPlan['by']): boolean {
  return by.every((key) => 'property' in key && key.property === 'address')
}

function readLimit(section: Section, hasDoor: boolean): LimitPlan | CapPlan | undefined {
  const capped = section.has('concurrent')
  const needed = capped ? ['name', 'by'] : ['name', 'by', 'rate']
  const complete =
    needed.filter((key) => !section.require(key, key === 'rate' ? '100/min' : '…')).length === 0
  const name = section.text('name')
  const by = readKeys(section)
  const concurrent = capped ? readConcurrent(section) : undefined
  const rate = section.parsed('rate', parseRate, wantedRate)
  const burst = section.integer('burst', 1, 1_000_000_000)
  const ipv6PrefixBits = section.integer('ipv6Prefix', 32, 128) ?? defaultIpv6PrefixBits
  if (!complete || name === undefined || by === undefined) return undefined
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(name)) {
    return section.problem(
      'name',
      'value-invalid',
      'name must be letters, digits, dots, dashes',
      'write a name such as per-user',
    )
  }
  if (capped) return concurrent === undefined ? undefined : { name, by, concurrent, ipv6PrefixBits }
  if (rate === undefined) return undefined
  const capacity = burst ?? rate.rate
  const sharing = readSharing(section, capacity, hasDoor && isAddressOnly(by) ? 'local' : 'exact')
  return { name, by, ...rate, burst: capacity, ipv6PrefixBits, ...(sharing && { sharing }) }
}

/** One word or expression, or several that are counted by together. */
function readKeys(section: Section): readonly LimitKey[] | undefined {
  const texts = section.texts('by')
  if (!texts) return undefined
  if (texts.length === 0 || texts.length > maxKeys)
    return section.wrong('by', `one to ${maxKeys} of ${properties.join(', ')} and CEL expressions`)
  if (new Set(texts).size < texts.length)
    return section.problem('by', 'value-invalid', 'by names one thing twice', 'name each once')
  const read = texts.map((text) => readKey(section, text))
  return read.every((key) => key !== undefined) ? read : undefined
}

function readKey(section: Section, text: string): LimitKey | undefined {
  const property = properties.find((one) => one === text)
  if (property) return { property }
  // One bare word that is no variable is a property misspelt.
  if (/^[A-Za-z]+$/.test(text) && !Object.hasOwn(limitScope, text)) {
    const meant = nearest(text, properties)
    return section.problem(
      'by',
      'value-invalid',
      `by must be of ${properties.join(', ')}, or a CEL expression such as token.tenant`,
      meant ? `did you mean ${meant}?` : `write ${properties.join(' or ')}`,
    )
  }
  const compiled = compileExpression(text, limitScope, 'scalar')
  if (compiled.ok) return { expression: text }
  const { message, fix } = compiled.error
  return section.problem(
    'by',
    'expression-invalid',
    `by: ${message}`,
    fix ?? `there are ${Object.keys(limitScope).join(', ')}`,
  )
}
