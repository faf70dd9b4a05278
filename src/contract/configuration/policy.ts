import { parseCidr } from '../../base/ip.ts'
import type { AddressLists, CorsPlan } from '../../program/program.ts'
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
