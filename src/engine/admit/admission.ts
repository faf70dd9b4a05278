import { type Cidr, contains, type IpAddress, parseCidr } from '../../base/ip.ts'
import type { AddressLists, AdmissionPlan, Program } from '../../program/program.ts'

/** The admission plan with its networks parsed. */
export interface Admission {
  readonly plan: AdmissionPlan
  readonly trustedProxies: readonly Cidr[]
  readonly addresses: AddressRule
  readonly hosts: ReadonlySet<string>
}

export interface AddressRule {
  readonly allow: readonly Cidr[]
  readonly deny: readonly Cidr[]
}

export function linkAdmission(program: Program): Admission {
  const plan = program.admission
  return {
    plan,
    trustedProxies: plan.trustedProxies.map(network),
    addresses: linkAddresses(plan.addresses),
    hosts: acceptedHosts(plan),
  }
}

export function linkAddresses(lists: AddressLists): AddressRule {
  return { allow: lists.allow.map(network), deny: lists.deny.map(network) }
}

/** An empty `allow` lets everyone in; `deny` wins. */
export function addressAllowed(rule: AddressRule, address: IpAddress): boolean {
  if (rule.deny.some((cidr) => contains(cidr, address))) return false
  return rule.allow.length === 0 || rule.allow.some((cidr) => contains(cidr, address))
}

function acceptedHosts(plan: AdmissionPlan): ReadonlySet<string> {
  const hosts = plan.hosts.map((host) => host.toLowerCase())
  if (plan.publicUrl !== null) hosts.push(new URL(plan.publicUrl).host)
  return new Set(hosts)
}

function network(text: string): Cidr {
  const cidr = parseCidr(text)
  if (!cidr) throw new Error(`the program holds an address range that is none: ${text}`)
  return cidr
}
