/**
 * IP addresses as sixteen-bit groups: two for IPv4, eight for IPv6. IPv4-mapped IPv6 addresses
 * (`::ffff:1.2.3.4`, RFC 4291 2.5.5.2) are unwrapped to IPv4, so that one client has one spelling.
 */
export interface IpAddress {
  readonly family: 4 | 6
  readonly groups: readonly number[]
}

export interface Cidr {
  readonly address: IpAddress
  readonly prefixBits: number
}

/** Reads one address; null when the text is not exactly one. Zone ids (`%eth0`) are cut off. */
export function parseIp(text: string): IpAddress | null {
  if (!text.includes(':')) return parseV4(text)
  const zone = text.indexOf('%')
  const groups = parseV6(zone < 0 ? text : text.slice(0, zone))
  return groups && unwrapMapped(groups)
}

/**
 * Reads `address/bits`; a bare address stands for itself. Null when it is neither, or host bits are set. Bits of an IPv4-mapped
 * address count from the left of its 128, as written: `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
 */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/')
  if (slash >= 0 && !/^\d{1,3}$/.test(text.slice(slash + 1))) return null
  const address = parseIp(slash < 0 ? text : text.slice(0, slash))
  if (!address) return null
  const allBits = address.groups.length * 16
  const unwrappedBits = address.family === 4 && text.includes(':') ? 96 : 0
  const prefixBits = slash < 0 ? allBits : Number(text.slice(slash + 1)) - unwrappedBits
  if (prefixBits < 0 || prefixBits > allBits) return null
  const cidr = { address, prefixBits }
  return sameGroups(maskGroups(address, prefixBits), address.groups) ? cidr : null
}

export function contains(cidr: Cidr, address: IpAddress): boolean {
  if (cidr.address.family !== address.family) return false
  return sameGroups(maskGroups(address, cidr.prefixBits), cidr.address.groups)
}

/** Canonical text (RFC 5952 section 4). */
export function formatIp(address: IpAddress): string {
  if (address.family === 6) return formatV6(address.groups)
  const [high = 0, low = 0] = address.groups
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}

/** Text of the network that one client owns: an address of IPv4; of IPv6 so many leading bits, often 64. */
export function networkOf(address: IpAddress, ipv6PrefixBits: number): string {
  const bits = address.family === 4 ? 32 : ipv6PrefixBits
  const groups = maskGroups(address, bits)
  return `${formatIp({ family: address.family, groups })}/${bits}`
}

function parseV4(text: string): IpAddress | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (!match) return null
  const octets: number[] = []
  for (let i = 1; i <= 4; i++) {
    const part = match[i] as string
    // ATTACK: 010.0.0.1 is 8.0.0.1 to some parsers and 10.0.0.1 to others
    if (part.length > 1 && part.charCodeAt(0) === 48) return null
    const octet = Number(part)
    if (octet > 255) return null
    octets.push(octet)
  }
  const [a = 0, b = 0, c = 0, d = 0] = octets
  return { family: 4, groups: [a * 256 + b, c * 256 + d] }
}

function parseV6(text: string): number[] | null {
  const halves = text.split('::')
  if (halves.length > 2) return null
  const head = parseGroups(halves[0] as string)
  const tail = halves.length === 2 ? parseGroups(halves[1] as string) : []
  if (!head || !tail) return null
  const missing = 8 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null
  return [...head, ...new Array<number>(missing).fill(0), ...tail]
}

function parseGroups(text: string): number[] | null {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    if (part.includes('.')) {
      const v4 = index === parts.length - 1 ? parseV4(part) : null
      if (!v4) return null
      groups.push(...v4.groups)
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return null
      groups.push(Number.parseInt(part, 16))
    }
  }
  return groups
}

function unwrapMapped(groups: readonly number[]): IpAddress {
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  return mapped ? { family: 4, groups: groups.slice(6) } : { family: 6, groups }
}

function maskGroups(address: IpAddress, bits: number): number[] {
  return address.groups.map((group, index) => {
    const kept = Math.min(16, Math.max(0, bits - index * 16))
    return group & (0xffff << (16 - kept)) & 0xffff
  })
}

function sameGroups(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((group, index) => group === b[index])
}

function formatV6(groups: readonly number[]): string {
  let bestStart = -1
  let bestLength = 1
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (groups[start + length] === 0) length++
    if (length > bestLength) {
      bestStart = start
      bestLength = length
    }
  }
  const hex = groups.map((group) => group.toString(16))
  if (bestStart < 0) return hex.join(':')
  return `${hex.slice(0, bestStart).join(':')}::${hex.slice(bestStart + bestLength).join(':')}`
}
