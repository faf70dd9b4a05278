import { parseRate } from '../../base/duration.ts'
import { parseCidr } from '../../base/ip.ts'
import type { AddressLists, CorsPlan, LimitPlan } from '../../program/program.ts'
import type { Section } from '../section.ts'
import { keys } from './keys.ts'

/** Readers of what both `portcullis.yaml` and `x-portcullis` may say. */

export const noAddresses: AddressLists = { allow: [], deny: [] }

export function readAddresses(parent: Section): AddressLists | undefined {
  const section = parent.child('addresses')?.expect(keys.addresses)
  if (!section) return undefined
  return { allow: readNetworks(section, 'allow') ?? [], deny: readNetworks(section, 'deny') ?? [] }
}

export function readNetworks(section: Section, key: string): readonly string[] | undefined {
  const networks = section.texts(key)
  for (const network of networks ?? []) {
    if (parseCidr(network)) continue
    section.problem(
      key,
      'address-invalid',
      `${network} is not an address range`,
      'write one such as 10.0.0.0/8, host bits zero',
    )
  }
  return networks
}

export function readCors(parent: Section): CorsPlan | undefined {
  const section = parent.child('cors')?.expect(keys.cors)
  if (!section) return undefined
  const origins = section.texts('origins') ?? []
  for (const origin of origins) {
    if (isOrigin(origin)) continue
    section.problem(
      'origins',
      'origin-invalid',
      `${origin} is not an origin`,
      'write scheme, host and port, such as https://app.example.com',
    )
  }
  return { origins, credentials: section.flag('credentials') ?? false }
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text && /^https?:/.test(text)
}

const limitWords = ['subject', 'key', 'client', 'address', 'operation'] as const

export function readLimits(parent: Section): readonly LimitPlan[] | undefined {
  const items = parent.items('limits')
  if (!items) return undefined
  const names = new Set<string>()
  return items.flatMap((section) => {
    const limit = readLimit(section.expect(keys.limit))
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

function readLimit(section: Section): LimitPlan | undefined {
  const complete =
    ['name', 'by', 'rate'].filter((key) => section.require(key, key === 'rate' ? '100/min' : '…')).length ===
    3
  const name = section.text('name')
  const by = section.choice('by', limitWords)
  const rate = section.parsed('rate', parseRate, 'a rate such as 100/min (s, min, h or day)')
  const burst = section.integer('burst', 1, 1_000_000_000)
  if (!complete || name === undefined || by === undefined || rate === undefined) return undefined
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(name)) {
    return section.problem(
      'name',
      'value-invalid',
      'name must be letters, digits, dots, dashes',
      'write a name such as per-user',
    )
  }
  return { name, by, ...rate, burst: burst ?? rate.rate }
}

/** What applies when nothing is written: conservative, and enough for a person at a screen. */
export const defaultLimits: readonly LimitPlan[] = [
  { name: 'per-address', by: 'address', rate: 600, windowSeconds: 60, burst: 100 },
  { name: 'per-subject', by: 'subject', rate: 300, windowSeconds: 60, burst: 60 },
]
